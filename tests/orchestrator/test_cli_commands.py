import errno
import json
import subprocess
import sys
import types

import pytest

from orchestrator import cli, doctor
from orchestrator.commands import watching
from orchestrator.doctor import Finding
from orchestrator.errors import UserError
from orchestrator.event_log import EventLog

HEAVY = ("ray", "mlflow", "torch", "pandas", "optuna", "nevergrad", "pydantic", "rich", "numpy")


@pytest.fixture
def driver(monkeypatch):
    """A driver that does what the test says instead of a search."""
    fake = types.ModuleType("orchestrator.adapters.driver")
    fake.calls = []

    def run_search(config, directory, *, observers):
        fake.calls.append(("search", config, directory))
        (directory / "events.jsonl").write_text("{}")
        fake.act(observers)

    def resume_search(directory, *, observers, trust):
        fake.calls.append(("resume", directory))
        fake.act(observers)

    fake.run_search, fake.resume_search = run_search, resume_search
    fake.act = lambda observers: None
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return fake


@pytest.fixture
def run_file(tmp_path):
    file = tmp_path / "demo.yaml"
    file.write_text("budget: {tokens: 8M}\nmlflow: {enabled: false}\noutput: runs\n")
    return file


def raising(error):
    def act(observers):
        raise error

    return act


def test_help_imports_nothing_heavy():
    code = (
        "import sys, orchestrator.cli as cli; cli.main(['--help']); cli.main(['search', '--help']);"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_has_help_and_a_wrong_one_exits_with_2(capsys):
    assert cli.main(["--help"]) == 0
    for command in ("search", "resume", "report", "doctor", "schema"):
        assert command in capsys.readouterr().out or cli.main([command, "--help"]) == 0
    assert cli.main(["serach"]) == 2
    assert cli.main([]) == 2


def test_version_is_told(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("masga ")


def test_schema_is_json(capsys):
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["budget"]


def test_search_takes_what_the_command_line_says(driver, run_file, tmp_path, capsys):
    arguments = ["--seed", "5", "--set", "population.members=4", "--output", str(tmp_path / "o")]
    assert cli.main(["search", str(run_file), *arguments]) == 0
    ((_, config, directory),) = driver.calls
    assert (config.seed, config.population.members) == (5, 4)
    assert directory == tmp_path / "o" / "demo"
    assert (directory / "run.yaml").exists()
    assert f"search in {directory}" in capsys.readouterr().out


def test_a_mistake_in_the_run_file_exits_with_2_and_leaves_nothing(driver, tmp_path, capsys):
    file = tmp_path / "wrong.yaml"
    file.write_text("budget: {tokens: x}\npopulation: {members: x}\noutput: runs\n")
    assert cli.main(["search", str(file)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(line.startswith(f"masga: {file}:") for line in told)
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_of_the_search_is_told_with_its_line(driver, run_file, capsys):
    parts = {"law": "a budget", "found": "none", "remedy": "Mend it."}
    driver.act = raising(UserError(where="budget.tokens", **parts))
    assert cli.main(["search", str(run_file)]) == 2
    told = capsys.readouterr().err
    assert told == f"masga: {run_file}:1: budget.tokens: a budget, but got none. Mend it.\n"


def test_a_search_that_never_began_leaves_no_directory(driver, run_file, monkeypatch):
    def refuse(config, directory, *, observers):
        raise UserError(where="corpus", law="l", found="f", remedy="r")

    driver.run_search = refuse
    assert cli.main(["search", str(run_file)]) == 2
    assert not (run_file.parent / "runs" / "demo").exists()


def test_our_fault_exits_with_1_and_keeps_the_traceback(driver, run_file, capsys):
    driver.act = raising(ZeroDivisionError("ours"))
    assert cli.main(["search", str(run_file)]) == 1
    told = capsys.readouterr().err
    (written,) = (run_file.parent / "runs" / "demo").glob("masga-error-*.txt")
    assert "Please report it" in told
    assert str(written) in told
    assert "masga resume" in told
    assert "ZeroDivisionError: ours" in written.read_text()


def test_a_full_disk_is_the_users_to_mend(driver, run_file, capsys):
    driver.act = raising(OSError(errno.ENOSPC, "No space left on device", "events.jsonl"))
    assert cli.main(["search", str(run_file)]) == 2
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert "masga resume" in told


def test_ctrl_c_exits_with_130_and_says_how_to_go_on(driver, run_file, capsys):
    driver.act = raising(KeyboardInterrupt())
    assert cli.main(["search", str(run_file)]) == 130
    directory = run_file.parent / "runs" / "demo"
    assert capsys.readouterr().err == f"masga: stopped; go on with: masga resume {directory}\n"
    driver.act = lambda observers: None
    assert cli.main(["resume", str(directory)]) == 0
    assert driver.calls[-1] == ("resume", directory)


def test_nothing_to_resume_exits_with_2(driver, tmp_path, capsys):
    assert cli.main(["resume", str(tmp_path)]) == 2
    assert cli.main(["resume", str(tmp_path / "none")]) == 2
    told = capsys.readouterr().err
    assert "but got none" in told
    assert "but got no such directory" in told


def test_observers_are_closed_whatever_happens(driver, run_file, monkeypatch):
    closed = []
    monkeypatch.setattr(watching.Audience, "close", lambda self: closed.append(1))
    for error, code in ((KeyboardInterrupt(), 130), (ValueError(), 1), (None, 0)):
        driver.act = raising(error) if error else (lambda observers: None)
        closed.clear()
        assert cli.main(["search", str(run_file)]) == code
        assert closed


def test_the_commands_named_at_the_end_exist(driver, run_file, capsys):
    assert cli.main(["search", str(run_file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (named,) = [line[line.index("masga ") :] for line in lines if "masga search" in line]
    assert cli.main(named.split()[1:]) == 0


def test_a_report_that_cannot_be_made_does_not_fail_the_search(driver, run_file, capsys):
    assert cli.main(["search", str(run_file)]) == 0  # the driver's log tells nothing
    said = capsys.readouterr()
    assert said.err.count("the report could not be made") == 1
    assert "masga report" in said.err
    assert "report.html" not in said.out


def test_a_search_leaves_its_report_among_its_files(driver, run_file, capsys, tale):
    def act(observers):
        (log,) = (run_file.parent / "runs").glob("*/events.jsonl")
        log.unlink()
        with EventLog(log) as written:
            written.append(tale)

    driver.act = act
    assert cli.main(["search", str(run_file)]) == 0
    report = run_file.parent / "runs" / "demo" / "report.html"
    assert f"report, to open in a browser  {report}" in capsys.readouterr().out
    assert report.read_text().startswith("<!doctype html>")


def test_the_names_of_the_commands_are_those_of_the_parser():
    assert cli.command_names() >= {"search", "resume", "report", "laws", "doctor", "schema"}
    for name in cli.command_names():
        assert cli.main([name, "--help"]) == 0


FINE = Finding(name="a", state="ok", found="1")


@pytest.mark.parametrize(
    ("finding", "code"),
    [
        (FINE, 0),
        (Finding(name="b", state="degraded", found="slow", remedy="wait"), 0),
        (Finding(name="b", state="missing", found="none", remedy="get", required=False), 0),
        (Finding(name="b", state="missing", found="none", remedy="get"), 2),
    ],
)
def test_doctor_exits_by_what_is_required(monkeypatch, capsys, finding, code):
    monkeypatch.setattr(doctor, "examine", lambda output: (FINE, finding))
    assert cli.main(["doctor"]) == code
    assert finding.remedy in capsys.readouterr().out
    assert cli.main(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["able"] == (code == 0)
    assert len(told["findings"]) == 2


def test_doctor_names_every_part(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ray_cluster_starts", lambda: None)
    monkeypatch.setattr(doctor, "mlflow_store_opens", lambda: "a locked file")
    findings = {f.name: f for f in doctor.examine(tmp_path / "runs")}
    assert {"Python", "torch", "CUDA", "compiled operators", "ray", "optuna", "nevergrad", "mlflow",
            "corpus wiki_vital", "output directory", "memory", "cores"} == findings.keys()  # fmt: skip
    assert findings["mlflow"].state == "degraded"
    assert "a locked file" in findings["mlflow"].found
    assert all(f.remedy for f in findings.values() if f.state != "ok")
    assert not (tmp_path / "runs").exists()


def test_doctor_finds_a_directory_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    finding = doctor._output(tmp_path / "file" / "runs")
    assert finding.state == "missing"
