"""Bad input: one clear message and exit code 2 before anything is launched, and nothing left behind."""

import contextlib
import shutil
import subprocess
from dataclasses import replace

import pytest

from orchestrator import cli
from orchestrator.adapters import driver
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.run_directory import RESOLVED
from orchestrator.run_loading import load_run

PLUGINS = """
class Raising:
    def __init__(self, space=None):
        raise KeyError("no such thing")

class Fine:
    pass
"""


class Launched(BaseException):
    """Everything before Ray was found to be fine."""


@pytest.fixture(autouse=True)
def nothing_is_launched(monkeypatch, cache):
    def refuse(**options):
        raise Launched

    monkeypatch.setenv("MASGA_CACHE", str(cache))
    monkeypatch.setattr(driver, "ray_cluster", refuse)


@pytest.fixture
def told(run_file, tmp_path, capsys):
    """Search with changes to RUN; return what standard error said. Checks what always holds."""

    def search(*arguments, code=2, lines=1, **changes):
        path = run_file(**changes)
        output = tmp_path / "out"
        assert cli.main(["search", str(path), "--output", str(output), *arguments]) == code
        error = capsys.readouterr().err
        assert error.count("\n") == lines, error
        assert "Traceback" not in error
        assert "but got got" not in error
        assert "but got it " not in error
        assert not output.exists() or not list(output.iterdir())
        return error

    return search


def line_of(path, text):
    lines = path.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, start=1) if text in line]
    return f"{path}:{number}: "


def test_what_is_right_would_be_launched(run_file, tmp_path):
    with pytest.raises(Launched):
        cli.main(["search", str(run_file()), "--output", str(tmp_path / "out")])
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("changes", "where", "law", "remedy"),
    [
        ({"population": {"membrs": 4}}, "population.membrs", "the keys here", "`members`?"),
        ({"population": {"members": "four"}}, "population.members", "whole number", "Check"),
        ({"population": {"members": 0}}, "population.members", "members >= 1", "Write"),
        ({"training": {"dtype": "bfloat16"}}, "training.dtype", "on a CPU", "float32"),
        ({"budget": {"tokens": 100}}, "budget.tokens", "one interval of every", "Raise"),
        ({"selection": {"policy": "trunc"}}, "selection.policy", "truncation", "Choose"),
        ({"fitness": {"horizon": "presentt"}}, "fitness.horizon", "power_law", "`present`?"),
        ({"proposers": [{"proposer": "muttation"}]}, "proposers[0].proposer", "m", "`mutation`?"),
        ({"proposers": [{"proposer": "optuna", "sampler": "TPE"}]}, "proposers[0]", "'TPE'", "TPESampler"),
        (
            {"proposers": [{"proposer": "nevergrad", "optimizer": "NGOp"}]},
            "proposers[0]", "NGOp", "NGOpt",
        ),
        ({"space": {"name": "gptt"}}, "space.name", "a space is 'gpt'", "Correct"),
        ({"space": {"name": "none.py:SPACE"}}, "space.name", "exists", "Correct"),
        ({"space": {"genes": {"d_modell": 64}}}, "space.genes.d_modell", "d_model", "Correct"),
        ({"space": {"genes": {"d_model": {"integer": [64, 32]}}}}, "space.genes.d_model", "low <= high", "Order"),
        ({"space": {"genes": {"activation": "tanh"}}}, "space.genes.activation", "gelu", "Give"),
        ({"space": {"genes": {"num_heads": 4, "num_kv_heads": 3}}}, "space.genes", "divides", "Widen"),
        ({"space": {"limits": {"parameters": 100}}}, "space.limits", "12,640 parameters", "Raise"),
        ({"space": {"limits": {"flops_per_token": 9}}}, "space.limits", "FLOPs per token", "Raise"),
        ({"space": {"limits": {"memory": 1000}}}, "space.limits", "peak of", "Raise"),
        ({"training": {"evaluation_batches": 2000}}, "training.evaluation_batches", "2000 x 4", "Use more"),
        ({"training": {"heldout_batches": 2000}}, "training.heldout_batches", "heldout split", "Use more"),
        ({"training": {"evaluation_sequences": 900}}, "training.evaluation_sequences", "game split", "Use more"),
        (
            {"population": {"interval_tokens": 512_000}, "budget": {"tokens": 9_000_000}},
            "population.interval_tokens", "one batch of 512000", "Use more text",
        ),
        ({"corpus": {"sources": ["wiki_vitel"]}}, "corpus.sources[0]", "wiki_vital", "Take one"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_law_and_remedy(
    told, tmp_path, changes, where, law, remedy
):
    error = told(**changes)
    assert error.startswith(f"masga: {tmp_path / 'run.yaml'}:")
    assert f": {where}: " in error
    assert law in error
    assert remedy in error


def test_the_line_is_that_of_the_key(told, tmp_path):
    error = told(training={"evaluation_batches": 2000})
    assert error.startswith("masga: " + line_of(tmp_path / "run.yaml", "evaluation_batches"))


def test_several_mistakes_are_told_together(told):
    genes = {"d_modell": 64, "activation": "tanh"}
    error = told(space={"genes": genes}, lines=2)
    assert "space.genes.d_modell" in error
    assert "space.genes.activation" in error


@pytest.mark.parametrize(
    ("content", "law"),
    [
        (None, "there is no such file"),
        (b"", "it is empty"),
        (b" \n\n ", "it holds 0 of the corpus' 0 tokens"),
        ("é".encode("latin-1") * 99_999, "byte 0 is 0xe9"),
        (b"A few words are not enough.", "one context window: 33 tokens"),
    ],
)
def test_a_corpus_that_is_none_is_told_with_its_file(told, tmp_path, content, law):
    path = tmp_path / "my.txt"
    if content is not None:
        path.write_bytes(content)
    error = told(corpus={"sources": [{"path": "my.txt"}]})
    assert error.startswith("masga: " + line_of(tmp_path / "run.yaml", "corpus:"))
    assert law in error
    if content is None or len(content) == 0 or b"\xe9" in content:
        assert str(path) in error


@pytest.mark.parametrize(
    ("changes", "told_parts"),
    [
        ({"proposers": [{"proposer": "own_plugins_here:Raising"}]}, ("KeyError", "own_plugins_here.py:4")),
        ({"selection": {"policy": "own_plugins_here:Raising"}}, ("KeyError", "own_plugins_here.py:4")),
        ({"selection": {"policy": "own_plugins_here:Nobody"}}, ("no attribute 'Nobody'",)),
        ({"selection": {"policy": "own_plugins_nowhere:X"}}, ("No module named",)),
        ({"selection": {"policy": "own_broken_here:X"}}, ("ZeroDivisionError", "own_broken_here.py:1")),
        ({"space": {"name": "own_broken_here.py:X"}}, ("ZeroDivisionError", "Mend the file")),
        ({"space": {"name": "own_plugins_here.py:Fine"}}, ("is a search_spaces.space.Space",)),
    ],
)  # fmt: skip
def test_a_plugin_that_cannot_be_had_is_its_users_to_mend(
    told, tmp_path, monkeypatch, changes, told_parts
):
    (tmp_path / "own_plugins_here.py").write_text(PLUGINS)
    (tmp_path / "own_broken_here.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    error = told(**changes)
    assert all(part in error for part in told_parts), error


def test_a_device_that_is_not_there(told, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    error = told(training={"device": "cuda"}, resources={"gpus_per_worker": 1})
    assert "resources.gpus_per_worker: this machine has a GPU" in error


@pytest.mark.parametrize("output", ["file/runs", "/proc/masga", "/dev/full/runs"])
def test_a_directory_that_cannot_be_written(run_file, tmp_path, capsys, output):
    (tmp_path / "file").write_text("")
    assert cli.main(["search", str(run_file()), "--output", str(tmp_path / output)]) == 2
    error = capsys.readouterr().err
    assert "output directory must be writable" in error
    assert "--output DIR" in error


def test_a_cache_that_cannot_be_written(told, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASGA_CACHE", str(tmp_path / "file"))
    error = told()
    assert "cache directory can be written" in error


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("only who may mount a file system can have a full one")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_while_the_corpus_is_prepared(told, small_disk, monkeypatch):
    monkeypatch.setenv("MASGA_CACHE", str(small_disk))
    error = told()
    assert "the disk has room for the corpus" in error
    assert "No space left on device" in error
    assert [p for p in (small_disk / "corpora").iterdir() if p.is_dir() and p.name != "known"] == []


def test_a_full_disk_at_the_first_line_of_the_log(run_file, small_disk, capsys, monkeypatch):
    output = small_disk / "out"
    monkeypatch.setattr(driver, "ray_cluster", full_at_once(small_disk))
    monkeypatch.setattr(driver, "count_workers", lambda resources, most: 1)
    assert cli.main(["search", str(run_file()), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert "the disk must have room" in error
    assert "no space left" in error
    assert "Traceback" not in error
    assert not list(output.iterdir())


def full_at_once(disk):
    """Return a cluster on whose start a disk becomes full."""

    @contextlib.contextmanager
    def cluster(**options):
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        yield

    return cluster


def test_a_name_that_is_taken_gets_a_number(run_file, tmp_path, monkeypatch):
    taken = tmp_path / "out" / "tiny"
    taken.mkdir(parents=True)
    (taken / LOG_NAME).write_text("the search of another day")
    directories = []
    real = driver.run_search

    def noted(config, directory, *, observers=()):
        directories.append(directory)
        return real(config, directory, observers=observers)

    monkeypatch.setattr(driver, "run_search", noted)
    with pytest.raises(Launched):
        cli.main(["search", str(run_file()), "--output", str(tmp_path / "out")])
    assert [d.name for d in directories] == ["tiny-2"]
    assert (taken / LOG_NAME).read_text() == "the search of another day"


def test_a_directory_that_holds_a_search_is_refused(run_file, tmp_path):
    (tmp_path / LOG_NAME).write_text("the search of another day")
    with pytest.raises(UserError, match=r"a directory holds one search.*masga resume"):
        driver.run_search(load_run(run_file()).config, tmp_path)
    assert (tmp_path / LOG_NAME).read_text() == "the search of another day"


@pytest.mark.parametrize("make", [lambda d: None, lambda d: d.mkdir()])
def test_nothing_to_resume(tmp_path, capsys, make):
    make(tmp_path / "none")
    assert cli.main(["resume", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert "event log" in error
    assert "masga search" in error
    assert error.count("\n") == 1


@pytest.fixture
def cut(undisturbed, tmp_path):
    """A copy of a search whose log ends in the middle."""
    directory = tmp_path / "cut"
    shutil.copytree(undisturbed, directory)
    lines = (directory / LOG_NAME).read_bytes().splitlines(keepends=True)
    (directory / LOG_NAME).write_bytes(b"".join(lines[:20]))
    return directory


@pytest.mark.ray
def test_a_search_that_was_cut_would_be_launched_again(cut):
    before = (cut / LOG_NAME).read_bytes()
    with pytest.raises(Launched):
        cli.main(["resume", str(cut)])
    assert (cut / LOG_NAME).read_bytes() == before


@pytest.fixture
def resumed(cut, capsys):
    """Resume the cut search; return what standard error said. Checks what always holds."""

    def resume():
        before = (cut / LOG_NAME).read_bytes()
        assert cli.main(["resume", str(cut)]) == 2
        assert (cut / LOG_NAME).read_bytes() == before
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "Traceback" not in error
        return error

    return resume


@pytest.mark.ray
@pytest.mark.parametrize("number", [0, 7, 19])
def test_an_altered_log_is_told_with_its_line(cut, resumed, number):
    path = cut / LOG_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number] = lines[number].replace(b"1", b"2", 1)
    path.write_bytes(b"".join(lines))
    error = resumed()
    assert f"{LOG_NAME}, line {number + 1}" in error
    assert "checksum" in error


@pytest.mark.ray
def test_a_log_of_another_search_does_not_follow(cut, resumed):
    events = read_log(cut / LOG_NAME)[0]
    (cut / LOG_NAME).unlink()
    with EventLog(cut / LOG_NAME) as log:
        log.append(events[2:])
    assert "a log begins with its search's start" in resumed()


@pytest.mark.ray
def test_two_processes_do_not_write_one_search(cut, resumed):
    with EventLog(cut / LOG_NAME):
        assert "one process writes a search" in resumed()


@pytest.mark.ray
def test_what_decides_a_search_may_not_be_edited(cut, resumed):
    path = cut / RESOLVED
    path.write_text(path.read_text().replace("seed: 3", "seed: 4"))
    error = resumed()
    assert f"{path}: seed: a search goes on by the rules it began with" in error


@pytest.mark.ray
def test_where_a_search_runs_may_be_edited(cut, monkeypatch):
    path = cut / RESOLVED
    path.write_text(path.read_text().replace("workers: 1", "workers: 2"))
    asked = []

    def noted(config, *rest):
        asked.append(config.resources.workers)
        raise Launched

    monkeypatch.setattr(driver, "_go_on", noted)
    with pytest.raises(Launched):
        cli.main(["resume", str(cut)])
    assert asked == [2]


@pytest.mark.ray
def test_a_search_resumes_without_its_run_file(cut):
    (cut / RESOLVED).unlink()
    with pytest.raises(Launched):
        cli.main(["resume", str(cut)])


@pytest.mark.ray
def test_a_plugin_that_is_gone_is_told(cut, resumed, tmp_path):
    events = read_log(cut / LOG_NAME)[0]
    (cut / LOG_NAME).unlink()
    run = {**events[0].run, "selection": {"policy": "own_plugins_nowhere:X"}}
    with EventLog(cut / LOG_NAME) as log:
        log.append([replace(events[0], run=run), *events[1:]])
    (cut / RESOLVED).unlink()
    assert "own_plugins_nowhere" in resumed()


@pytest.mark.ray
def test_another_text_is_not_gone_on_with(cut, resumed, text, tmp_path):
    path = cut / RESOLVED
    changed = tmp_path / "changed.txt"
    changed.write_text(text.read_text()[:-4000])
    events = read_log(cut / LOG_NAME)[0]
    (cut / LOG_NAME).unlink()
    path.unlink()
    corpus = {**events[0].run["corpus"], "sources": [{"path": str(changed)}]}
    with EventLog(cut / LOG_NAME) as log:  # as if the file had been edited under its name
        log.append([replace(events[0], run={**events[0].run, "corpus": corpus}), *events[1:]])
    assert "a search goes on with the text it began with" in resumed()


@pytest.mark.ray
def test_a_finished_search_says_so_and_shows_its_summary(undisturbed, tmp_path, capsys):
    directory = tmp_path / "finished"
    shutil.copytree(undisturbed, directory)
    before = (directory / LOG_NAME).read_bytes()
    assert cli.main(["resume", str(directory)]) == 0
    told = capsys.readouterr()
    assert "this search has finished" in told.out
    assert "eaderboard" in told.out
    assert told.err == ""
    assert (directory / LOG_NAME).read_bytes() == before
