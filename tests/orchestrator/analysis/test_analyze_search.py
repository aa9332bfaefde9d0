"""`masga analyze` on a real search: findings that fit together, files that can be read."""

import json
from html.parser import HTMLParser

import pytest
from pyarrow import parquet

from orchestrator import cli
from orchestrator.event_log import LOG_NAME

VOID = {"meta", "link", "br", "use", "path", "image"}


class Nesting(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attributes):
        if tag == "section":
            self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def analysed(tiny_search, tmp_path_factory):
    output = tmp_path_factory.mktemp("analysis")
    arguments = ["--evaluations", "64", "--sequences", "8", "--output", str(output)]
    assert cli.main(["analyze", str(tiny_search), *arguments]) == 0
    return output


@pytest.fixture(scope="module")
def document(analysed):
    return json.loads((analysed / "analysis.json").read_text())


def test_values_of_components_and_layers_add_up_to_what_they_are_worth_together(document):
    total = document["values"]["total"]
    players = [c for c in document["components"] if c["role"] != "embedding"]
    assert sum(c["shapley"] for c in players) == pytest.approx(total, abs=1e-6)
    assert sum(layer["shapley"] for layer in document["layers"]) == pytest.approx(total, abs=1e-6)
    gradient = sum(c["integrated_gradient"] for c in players)
    missed = document["values"]["integrated_gradient_completeness_error"]
    assert gradient - total == pytest.approx(missed, abs=1e-5)


def test_heads_of_a_layer_have_together_what_owen_gives_the_layer(document):
    for layer in document["layers"]:
        own = [c["owen"] for c in document["components"] if c["layer"] == layer["layer"]]
        assert sum(own) == pytest.approx(layer["shapley"], abs=1e-6)


def test_the_verdict_follows_from_the_numbers_and_names_its_level(document):
    equilibrium = document["equilibrium"]
    assert equilibrium["level"] == 0.05
    components = document["components"]
    assert equilibrium["attained_level"] == max(c["p_adjusted"] for c in components)
    assert equilibrium["is_strict"] == (equilibrium["attained_level"] <= 0.05)
    assert equilibrium["exploitability"] == pytest.approx(
        sum(c["exploitability"] for c in components)
    )
    for c in components:
        saved = max(0.0, c["cost"] - c["leave_one_out"] - 2 * c["leave_one_out_se"])
        assert c["exploitability"] == pytest.approx(saved, abs=1e-12)
        assert (c["verdict"] == "does not pay") == (saved > 0)


def test_every_component_pair_generation_and_member_is_there(document, tiny_search):
    players = [c for c in document["components"] if c["role"] != "embedding"]
    assert len(document["pairs"]) == len(players) * (len(players) - 1) // 2
    assert all(c["proxy"] > 0 for c in document["components"])
    assert [g["generation"] for g in document["generations"]] == [0, 1, 2]
    for generation in document["generations"]:
        shares = [generation[f"share_{role}"] for role in ("attention", "ffn", "embedding")]
        assert sum(shares) == pytest.approx(1.0)
    assert {size["member"] for size in document["sizes"]} == {0, 1, 2, 3}
    assert document["spent"]["flops"] > 0
    spent = document["spent"]
    assert spent["block_evaluations"] < spent["block_evaluations_of_whole_passes"]


def test_the_page_is_well_nested_and_has_every_section(analysed):
    parser = Nesting()
    parser.feed((analysed / "analysis.html").read_text())
    assert parser.open == []
    assert parser.ids == [
        "verdict", "components", "values", "pairs", "allocation", "generations", "sizes", "how",
    ]  # fmt: skip


def test_tables_hold_what_the_document_holds(analysed, document):
    for name in ("components", "layers", "pairs", "generations", "sizes"):
        assert parquet.read_table(analysed / f"{name}.parquet").to_pylist() == document[name]


def test_a_member_can_be_chosen_and_json_is_printed(search_copy, capsys):
    options = ["--member", "2", "--json", "--evaluations", "32", "--sequences", "4"]
    assert cli.main(["analyze", str(search_copy), *options, "--ablation", "mean"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"].startswith("member 2 after generation 2")
    assert told["ablation"] == "mean"
    assert (search_copy / "analysis" / "analysis.html").exists()


def test_the_same_analysis_gives_the_same_numbers(tiny_search, document, tmp_path):
    arguments = ["--evaluations", "64", "--sequences", "8", "--output", str(tmp_path)]
    assert cli.main(["analyze", str(tiny_search), *arguments]) == 0
    again = json.loads((tmp_path / "analysis.json").read_text())
    assert {**again, "spent": None} == {**document, "spent": None}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--member", "9"], "--member is one of 0, 1, 2, 3, but got 9"),
        (["--sequences", "1"], "--sequences: 2 or more"),
        (["--sequences", "999999"], "at most the"),
        (["--evaluations", "3"], "--evaluations: it must be 8 or more, but got 3"),
        (["--level", "1.5"], "--level: it must be between 0 and 1, but got 1.5"),
        (["--price", "-1"], "--price: it must be finite and not negative, but got -1"),
        (["--text", "x.txt"], "--text: it is given for a checkpoint of Llama type alone"),
    ],
)
def test_options_out_of_range_are_told(tiny_search, capsys, options, told):
    assert cli.main(["analyze", str(tiny_search), *options]) == 2
    assert told in capsys.readouterr().err


def test_damaged_and_missing_checkpoints_and_searches_are_told(search_copy, tmp_path, capsys):
    chosen = search_copy / "checkpoints" / "g00002-m00001"
    tensors = next(chosen.glob("*.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:-8])
    assert cli.main(["analyze", str(search_copy), "--member", "1"]) == 2
    assert "the checkpoint of member 1 after generation 2 is whole" in capsys.readouterr().err
    assert cli.main(["analyze", str(tmp_path / "nothing")]) == 2
    assert LOG_NAME in capsys.readouterr().err
