"""`masga laws`: what it prints, what it refuses, and how fast it lists."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from orchestrator.laws.commands import add_commands, run
from orchestrator.laws.forms import LAWS

POINTS = "tests/data/laws/chinchilla_besiroglu2024/points.csv"
BASE = [POINTS, "--columns", "L=loss", "--filter", "used_in_reference_fit==1"]


def laws(*words):
    import argparse

    parser = argparse.ArgumentParser(prog="masga laws")
    add_commands(parser)
    return run(parser.parse_args([str(w) for w in words]))


def test_fit_as_json(capsys):
    assert laws("fit", *BASE, "--law", "chinchilla", "--bootstrap", 200, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["parameters"]["A"]["value"] == pytest.approx(477.82, abs=0.1)
    assert document["objective"] <= 0.0010182741
    assert document["agreement"] >= 0.95
    low, high = document["parameters"]["alpha"]["interval_bca"]
    assert low < document["parameters"]["alpha"]["value"] < high
    kept = document["checklist"]
    assert "5 of 245 rows dropped" in kept["filtering"]
    assert kept["points"] == 240
    assert kept["size_convention"] == "not stated"
    assert {"form", "loss", "optimizer", "starts", "units", "flops_convention"} <= set(kept)


def test_fit_as_text_with_fixed_and_tied_parameters(capsys):
    words = ["fit", *BASE, "--law", "chinchilla", "--bootstrap", 0]
    assert laws(*words, "--fix", "alpha=0.34,beta=0.28") == 0
    text = capsys.readouterr().out
    assert "for the record" in text
    assert [line.split()[0] for line in text.splitlines()[3:6]] == ["E", "A", "B"]
    assert laws(*words, "--tie", "alpha=beta") == 0
    assert "warning" in capsys.readouterr().out


def test_predict(capsys):
    words = ["predict", *BASE, "--law", "chinchilla", "--bootstrap", 200, "--json"]
    assert laws(*words, "--at", "N=7e10,D=1.4e12", "--at", "N=1e9,D=2e10") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["interval"][0] < first["L"] < first["interval"][1]
    assert first["L"] < second["L"]
    assert first["run_interval"][1] - first["run_interval"][0] > 0


def test_compare_ranks_by_extrapolation(capsys):
    assert laws("compare", *BASE, "--laws", "chinchilla,kaplan_joint", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert [s["law"] for s in scores] == ["chinchilla", "kaplan_joint"]
    assert scores[0]["held_out"] < scores[1]["held_out"]
    assert scores[1]["worse_than_best"] > 0.9
    assert all(np.isfinite([s["aic"], s["bic"]]).all() for s in scores)


def test_plan_states_disagreement_and_sensitivity(capsys):
    assert (
        laws("plan", POINTS, "--columns", "L=loss", "--flops", "5.76e23", "--bootstrap", 200) == 0
    )
    text = capsys.readouterr().out
    for word in ("parametric", "isoflop", "envelope", "a factor of", "17.9", "6.8"):
        assert word in text
    assert "correlation +0.999" in text


def test_ladder(capsys):
    assert laws("ladder", "--flops", "1e20", "--json") == 0
    rungs = json.loads(capsys.readouterr().out)
    assert sum(r["flops"] for r in rungs) == pytest.approx(1e20)
    assert laws("ladder", "--flops", "1e20", "--sizes", 3, "--multipliers", "10,20") == 0
    assert "6 runs, 1e+20 FLOPs" in capsys.readouterr().out


def two_curves(tmp_path):
    """A baseline and a steeper curve: 20 x^-.16 and 90 x^-.25, over the same floor."""
    rng = np.random.default_rng(0)
    lines = ["C,L,method"]
    for method, a, b in (("baseline", 20, 0.16), ("evolved", 90, 0.25)):
        lines += [
            f"{x},{(1.5 + a * x**-b) * np.exp(0.003 * rng.standard_normal())},{method}"
            for x in np.geomspace(1e6, 1e9, 24)
        ]
    path = tmp_path / "curves.csv"
    path.write_text("\n".join(lines))
    return path


def test_crossover(tmp_path, capsys):
    path = two_curves(tmp_path)
    words = ["crossover", path, "--law", "hestness", "--columns", "m=C,eps=L", "--bootstrap", 200]
    assert laws(*words, "--split", "method", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["first"], found["second"]) == ("baseline", "evolved")
    assert found["probability"] > 0.9
    assert found["interval"][0] < 4.5 ** (1 / 0.09) < found["interval"][1]
    assert laws(*words, "--split", "method=evolved,baseline", "--range", "1e6:1e7") == 0
    text = capsys.readouterr().out
    assert "evolved against baseline" in text
    assert "they cross with probability 0.0%" in text
    for wrong, said in (
        (["--split", "methods"], "no column 'methods'"),
        (["--split", "method=evolved,new"], "--split"),
        (["--split", "method", "--range", "9:1"], "LOW:HIGH"),
    ):
        assert laws(*words, *wrong) == 2
        assert said in capsys.readouterr().err


def test_breaks(tmp_path, capsys):
    x = np.geomspace(1e4, 1e9, 40)
    noise = 0.02 * np.random.default_rng(5).standard_normal(40)
    y = np.exp(0.5 - 0.05 * np.log(x) - 0.25 * np.maximum(np.log(x / 1e7), 0) + noise)
    path = tmp_path / "curve.csv"
    path.write_text("tokens,loss\n" + "\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True)))
    words = ["breaks", path, "--columns", "x=tokens,y=loss"]
    assert laws(*words, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["breaks"]
    assert found["found"]
    assert found["interval"][0] < 1e7 < found["interval"][1]
    assert laws(*words, "--most", 2) == 0
    assert "bnsl:1" in capsys.readouterr().out
    assert laws(*words, "--most", 0) == 2
    assert "most >= 1" in capsys.readouterr().err
    assert laws(*words, "--bootstrap", 10) == 2
    assert "100 resamples" in capsys.readouterr().err


def test_plan_without_a_table_is_by_published_fits(tmp_path, capsys):
    assert laws("plan", "--flops", "5.76e23", "--flops", "1e21", "--json") == 0
    corrected, printed = json.loads(capsys.readouterr().out)["plans"]
    # Besiroglu et al. 2024: near Chinchilla's own 70B and 20 tokens per parameter
    assert corrected["size"][1] == pytest.approx(7.2e10, rel=0.02)
    assert corrected["tokens"][1] / corrected["size"][1] == pytest.approx(18.4, rel=0.02)
    assert printed["exponent"] == pytest.approx(0.28 / 0.62)
    for plan in (corrected, printed):
        for size, tokens, flops in zip(plan["size"], plan["tokens"], plan["flops"], strict=True):
            assert 6 * size * tokens == pytest.approx(flops)
    assert laws("plan", "--flops", "1e21") == 0
    assert "intervals are not known" in capsys.readouterr().out
    assert laws("plan", "--flops", "1e21", "--html", tmp_path / "p.html") == 2
    assert "no table" in capsys.readouterr().err


def test_reconcile_needs_a_convention_column(capsys):
    assert laws("reconcile", *BASE) == 2
    assert "embedding" in capsys.readouterr().err


def test_figures_and_page(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    words = ["fit", *BASE, "--law", "chinchilla", "--bootstrap", 150]
    page = tmp_path / "page.html"
    assert laws(*words, "--figures", tmp_path / "f", "--format", "png", "--html", page) == 0
    assert {p.name for p in (tmp_path / "f").iterdir()} == {
        "curve.png",
        "residuals.png",
        "isoflop.png",
        "contour.png",
    }
    text = page.read_text()
    assert text.count("<svg") == 4
    assert "477.8" in text
    addresses = re.findall(r'\b(?:src|href)="([^"]*)"', text)
    assert all(
        address.startswith(("#", "data:")) for address in addresses
    )  # nothing from elsewhere
    assert "for the record" in text
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "absent.csv", "--law", "chinchilla"], "no such file"),
        (["fit", POINTS, "--law", "chinchila"], "a law is named"),
        (["fit", POINTS, "--law", "chinchilla"], "no column 'L'"),
        (["fit", *BASE, "--law", "chinchilla", "--fix", "gamma=1"], "gamma"),
        (["fit", *BASE, "--law", "chinchilla", "--fix", "alpha"], "NAME=VALUE"),
        (["fit", *BASE, "--law", "chinchilla", "--delta", "0"], "delta > 0"),
        (["fit", *BASE, "--law", "chinchilla", "--cluster", "run"], "run"),
        (["fit", *BASE, "--law", "chinchilla", "--filter", "N<<3"], "number"),
        (["fit", *BASE, "--law", "chinchilla", "--scale", "D=big"], "numbers"),
        (["predict", *BASE, "--law", "chinchilla", "--at", "N=1e9"], "reads N, D"),
        (["compare", *BASE, "--laws", "chinchilla", "--holdout", "smallest:3"], "largest:P%"),
        (["compare", *BASE, "--laws", "chinchilla", "--holdout", "largest:99%"], "points to fit"),
        (["plan", *BASE, "--flops", "-1"], "above zero"),
        (["ladder", "--flops", "-1"], "three or more sizes"),
        (["ladder", "--flops", "1e20", "--multipliers", "ten"], "three or more sizes"),
        (["crossover", *BASE, "--law", "chinchilla", "--split", "N"], "one input"),
        (
            [
                "predict",
                *BASE,
                "--law",
                "m1",
                "--at",
                "x=1",
                "--columns",
                "x=N,eps=loss",
                "--bootstrap",
                "0",
            ],
            "100 resamples",
        ),
        (["fit", *BASE, "--law", "bnsl:0"], "breaks >= 1"),
        (["fit", "mlflow:x", "--law", "chinchilla"], "MLflow"),
    ],
)
def test_mistakes_exit_with_2_and_one_message(capsys, words, said):
    assert laws(*words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("masga laws: ")
    assert said in printed.err
    assert len(printed.err.strip().splitlines()) == 1


def test_list_names_every_law_without_scipy():
    code = (
        "import sys, argparse\n"
        "from orchestrator.laws.commands import add_commands, run\n"
        "p = argparse.ArgumentParser(); add_commands(p)\n"
        "assert run(p.parse_args(['list'])) == 0\n"
        "bad = {m.split('.')[0] for m in sys.modules} & {'scipy', 'pyarrow', 'matplotlib', 'torch'}\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, law in LAWS.items():
        assert name in done.stdout
        assert law.formula in done.stdout
