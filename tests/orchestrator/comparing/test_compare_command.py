"""`masga compare`: from names to tables, JSON and a page; mistakes are told and nothing is lost."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from orchestrator import cli
from orchestrator.comparing.opening import open_searches
from orchestrator.errors import UserError
from orchestrator.event_log import EventLog


def nowhere(name):
    raise AssertionError(f"{name} is no name for MLflow")


def run(capsys, *arguments):
    code = cli.main(["compare", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_two_directories_give_tables(written, capsys):
    code, out, _ = run(capsys, written("a"), written("b", seed=1, shift=0.1))
    assert code == 0
    for heading in ("In short", "Results", "Best loss by tokens", "Diversity", "Gene importance"):
        assert heading in out
    assert "a is better" in out


def test_json_is_all_that_is_printed(written, capsys):
    code, out, err = run(capsys, written("a"), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["populations"][0]["name"] == "a"


def test_importance_by_fanova(written, capsys):
    code, out, _ = run(capsys, written("a"), "--json", "--importance", "fanova")
    importance = json.loads(out)["populations"][0]["importance"][0]
    assert code == 0
    assert sum(gene["share"] for gene in importance["genes"]) == pytest.approx(1)
    assert {gene["chance"] for gene in importance["genes"]} == {None}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.loaded, self.pictures = set(), [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag in {"a", "link", "img", "script"}:
            self.loaded += [given[name] for name in ("src", "href") if name in given]
        if tag == "svg":
            self.pictures.append(given.get("aria-label"))


def test_the_page_is_whole_and_loads_nothing(written, capsys, tmp_path):
    target = tmp_path / "page.html"
    code, _, err = run(capsys, written("a<b"), written("b", seed=1), "--html", target)
    assert (code, f"wrote {target}" in err) == (0, True)
    text = target.read_text()
    page = Page()
    page.feed(text)
    assert all(address.startswith(("#", "data:")) for address in page.loaded)
    assert {a[1:] for a in page.loaded if a.startswith("#")} <= page.ids
    assert len(page.pictures) >= 4
    assert all(page.pictures)
    assert "a&lt;b" in text
    assert "a<b" not in text
    assert list(tmp_path.glob(".*.tmp")) == []


def test_a_page_is_made_again_over_itself_and_over_nothing_else(written, capsys, tmp_path):
    directory, page = written("a"), tmp_path / "page.html"
    assert run(capsys, directory, "--html", page)[0] == 0
    assert run(capsys, directory, "--html", page)[0] == 0
    log = directory / "events.jsonl"
    before = log.read_bytes()
    for target in (log, directory, tmp_path / "none" / "page.html"):
        code, _, err = run(capsys, directory, "--html", target)
        assert code == 2
        assert "--html" in err
    assert log.read_bytes() == before


def test_a_directory_of_searches_is_all_of_them_and_each_counts_once(written, tmp_path):
    runs = tmp_path / "runs"
    written("a", below=runs)
    b = written("b", below=runs, seed=1)
    opened = open_searches([str(b), str(runs), str(b)], fetch=nowhere)
    assert [subject.name for subject in opened.subjects] == ["b", "a"]


def test_searches_of_the_same_name_are_told_apart(written, tmp_path):
    places = [written("a", below=tmp_path / x) for x in ("one", "two")]
    opened = open_searches([str(place) for place in places], fetch=nowhere)
    assert [subject.name for subject in opened.subjects] == ["one/a", "two/a"]


def test_other_names_are_asked_of_mlflow(written):
    log = written("a") / "events.jsonl"
    opened = open_searches(["my experiment"], fetch=lambda name: [(f"run of {name}", log)])
    assert [subject.name for subject in opened.subjects] == ["run of my experiment"]


def test_of_a_group_what_has_not_begun_is_left_out_and_said(written, capsys, tmp_path):
    runs = tmp_path / "runs"
    written("a", below=runs)
    empty = runs / "empty"
    empty.mkdir()
    (empty / "events.jsonl").touch()
    code, out, _ = run(capsys, runs)
    assert code == 0
    assert "Left out:" in out
    code, _, err = run(capsys, empty)
    assert code == 2
    assert "there is nothing of a search in its log" in err


def test_a_search_without_a_closed_generation_says_how_far_it_is(written, search):
    events = search(members=4)[:7]  # the start, 4 orders, 2 reports
    with pytest.raises(UserError, match="reports of 2 of 4 members"):
        open_searches([str(written("young", events=events))], fetch=nowhere)


def test_a_damaged_log_is_compared_up_to_the_damage_and_it_is_said(written, capsys):
    directory = written("a")
    log = directory / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    lines[70] = lines[70].replace('"generation":', '"generation": ')
    log.write_text("".join(lines))
    code, out, _ = run(capsys, directory, "--json")
    document = json.loads(out)
    assert code == 0
    assert "line 71" in document["populations"][0]["damage"]
    assert re.search(r"damaged.*line 71", document["notes"][0])
    assert document["populations"][0]["state"] == "stopped"
    assert 0 < len(document["populations"][0]["curve"]) < 6


def test_a_search_that_is_being_written_is_running(written, search, capsys):
    directory = written("a", events=search()[:-3])
    with EventLog(directory / "events.jsonl"):
        _, out, _ = run(capsys, directory, "--json")
    assert json.loads(out)["populations"][0]["state"] == "running"


@pytest.mark.parametrize("name", ["./nothing-here", "/nothing/here"])
def test_a_path_that_leads_nowhere_is_not_asked_of_mlflow(name):
    with pytest.raises(UserError, match="no such directory"):
        open_searches([name], fetch=nowhere)


def test_a_directory_with_no_search_in_it_is_told(tmp_path):
    with pytest.raises(UserError, match="none in it, nor in those within"):
        open_searches([str(tmp_path)], fetch=nowhere)


def test_comparing_changes_nothing_in_the_searches(written, capsys, tmp_path):
    directory = written("a")
    shutil.copytree(directory, tmp_path / "copy")
    run(capsys, directory)
    assert [p.name for p in directory.iterdir()] == [p.name for p in (tmp_path / "copy").iterdir()]
    assert (directory / "events.jsonl").read_bytes() == (
        tmp_path / "copy" / "events.jsonl"
    ).read_bytes()


def test_a_store_that_is_not_there_is_told(tmp_path, capsys):
    store = f"sqlite:///{tmp_path / 'none.db'}"
    code, _, err = run(capsys, "my experiment", "--tracking-uri", store)
    assert code == 2
    assert "none.db: a store that is read exists" in err


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda e: replace(e, run={**e.run, "training": {}}), "its run file"),
        (lambda e: replace(e, space={"name": "gpt"}), "its space"),
    ],
)
def test_a_log_of_another_version_is_told_with_its_place(written, search, capsys, change, what):
    start, *rest = search()
    directory = written("old", events=[change(start), *rest])
    code, _, err = run(capsys, directory)
    assert code == 2
    assert what in err
    assert "another version of masga" in err


def test_a_hostile_name_is_text_on_the_page_and_in_the_figures(written, tmp_path, capsys):
    name = "<script>alert(2)<&script> $x^{ $\\frac{$ \x1b[2J"
    code, out, error = run(capsys, written(name), "--html", tmp_path / "page.html")
    assert code == 0, error
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page
    assert "\x1b" not in out
