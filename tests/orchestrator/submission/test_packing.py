import subprocess
from pathlib import Path

import pytest
import yaml

from orchestrator.errors import UserError
from orchestrator.run_loading import load_run
from orchestrator.submission import packing
from orchestrator.submission.entrypoint import resume_command, search_command
from orchestrator.submission.packing import pack

SPACE = "from search_spaces.gpt.space import GPT as SPACE\n"
POLICY = '''
from orchestrator.selection import Truncation


class Mine(Truncation):
    """A policy of the user's own."""
'''


@pytest.fixture
def packed(tmp_path):
    """Pack a run file of these values, written beside the text; return (values, directory)."""

    def make(values, **options):
        home, into = tmp_path / "home", tmp_path / "pack"
        home.mkdir(exist_ok=True)
        into.mkdir()
        path = home / "mine.yaml"
        path.write_text(yaml.safe_dump({"budget": {"tokens": "1M"}, **values}))
        pack(load_run(path).config, into, **options)
        return yaml.safe_load((into / packing.RUN_FILE).read_text()), into

    return make


def test_text_and_space_travel_and_are_found_by_paths_into_the_pack(packed, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    for name in ("b.txt", "a.txt"):
        (home / name).write_text(f"text of {name}")
    (home / "own.py").write_text(SPACE)
    values, into = packed(
        {"corpus": {"sources": [{"path": "*.txt"}]}, "space": {"name": "own.py:SPACE"}}
    )
    pattern = values["corpus"]["sources"][0]["path"]
    found = sorted(into.glob(pattern))
    assert [file.read_text() for file in found] == ["text of a.txt", "text of b.txt"]
    assert (into / values["space"]["name"].partition(":")[0]).read_text() == SPACE
    again = load_run(into / packing.RUN_FILE).config
    assert again.name == "mine"
    assert again.resources.address == "auto"


def test_the_packed_run_decides_the_same_search_but_for_its_paths(packed, tmp_path):
    _, into = packed({"seed": 7, "population": {"members": 3}})
    before = load_run(tmp_path / "home" / "mine.yaml").config.deciding()
    assert load_run(into / packing.RUN_FILE).config.deciding() == before


def test_a_users_own_plugin_travels(packed, tmp_path, monkeypatch):
    package = tmp_path / "elsewhere" / "my_policies_for_packing"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text(POLICY)
    monkeypatch.syspath_prepend(package.parent)
    _, into = packed({"selection": {"policy": "my_policies_for_packing.mine:Mine"}})
    assert (into / "modules" / package.name / "mine.py").read_text() == POLICY


def test_a_source_without_files_is_refused(packed):
    corpus = {"corpus": {"sources": [{"path": "/nowhere/*.txt"}]}}
    with pytest.raises(UserError, match="none match /nowhere"):
        packed(corpus)


def test_paths_of_the_cluster_are_left_as_they_are(packed):
    values, into = packed({"corpus": {"sources": [{"path": "/nowhere/*.txt"}]}}, with_corpus=False)
    assert values["corpus"]["sources"][0]["path"] == "/nowhere/*.txt"
    assert not (into / "corpus").exists()


def test_a_pack_that_is_too_large_is_refused(packed, monkeypatch):
    monkeypatch.setattr(packing, "LARGEST_PACK_BYTES", 10)
    with pytest.raises(UserError, match="--corpus-on-cluster"):
        packed({})


@pytest.mark.parametrize("output", ["~/runs of mine", "{home}/$(exit 9)/x;y"])
def test_the_command_keeps_the_pack_and_quotes_what_it_is_given(tmp_path, output):
    tool = tmp_path / "bin" / "masga"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$PWD" "$PYTHONPATH" "$MASGA_CACHE"\n')
    tool.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    (work / "run.yaml").write_text("here")
    environment = {"PATH": f"{tool.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    output = output.format(home=tmp_path)
    place = output.replace("~", str(tmp_path))

    def said(command):
        shell = ["/bin/sh", "-c", command]
        done = subprocess.run(
            shell, cwd=work, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    kept = f"{place}/submitted/masga-x-1"
    surroundings = [kept, f"{kept}/modules", f"{place}/cache"]
    searched = said(search_command(output=output, job="masga-x-1"))
    assert searched == ["search", "run.yaml", "--output", place, "--trust", *surroundings]
    assert Path(kept, "run.yaml").read_text() == "here"
    resumed = said(resume_command(output=output, job="masga-x-1", directory=f"{output}/a b"))
    assert resumed == ["resume", f"{place}/a b", *surroundings]


def test_a_directory_that_would_go_with_the_job_is_refused():
    with pytest.raises(UserError, match="begins with"):
        search_command(output="runs", job="j")
