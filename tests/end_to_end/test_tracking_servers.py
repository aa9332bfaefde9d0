"""Real searches that record themselves on real tracking servers, and what they leave of secrets."""

import base64
import os
import time
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import encode
from orchestrator.export import FORMATS
from orchestrator.run_loading import load_run
from orchestrator.submission.packing import pack

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "session-token-of-nobody-4711",
    "HTTPS_PROXY": "http://ada:proxy-password-4712@127.0.0.1:9",
    "HF_TOKEN": "hf_token-of-nobody-4713",
    "NO_PROXY": "127.0.0.1,localhost",
}


@pytest.fixture(scope="module")
def server(tracking_server, postgres):
    return tracking_server(postgres, asks=True)


@pytest.fixture(scope="module")
def open_server(tracking_server):
    return tracking_server()


def secrets_of(environment):
    """Return the secrets as they are, and as they are sent."""
    found = {v for k, v in environment.items() if k in SECRETS and k != "NO_PROXY"}
    found = {value.removeprefix("http://").partition("@")[0] for value in found}
    user, password = (
        environment["MLFLOW_TRACKING_USERNAME"],
        environment["MLFLOW_TRACKING_PASSWORD"],
    )
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {secret.encode() for secret in {*found, "proxy-password-4712", password, sent}}


def leaks(root, secrets):
    """Return the files below a directory that hold a secret."""
    found = []
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            if path.is_file() and not path.is_symlink():
                try:
                    content = path.read_bytes()
                except FileNotFoundError:  # a file of Ray's that has just gone
                    continue
                found += [path for secret in secrets if secret in content]
    return found


def lasting(directory):
    """All events but the first, which tells of places; clocks aside."""
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0][1:]]


def wait_for(log, words, process):
    """Wait for a word in a log; the test's own timeout bounds it."""
    while not (log.exists() and words in log.read_bytes()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_nothing_that_is_left_holds_a_secret(
    server, masga, environment, start, run_file, tmp_path, monkeypatch, capfd
):
    """A search, and all that is made of it, with secrets all over the environment."""
    environment = {**environment, **SECRETS, **server.credentials}
    secrets = secrets_of(environment)
    path = run_file(mlflow={"enabled": True, "tracking_uri": server.uri, "register_model": "tiny"})
    search = start("search", path, environment=environment)
    directory = tmp_path / "runs" / "tiny"
    wait_for(directory / LOG_NAME, b"generation_closed", search)
    assert leaks(environment["TMPDIR"], secrets) == []  # what Ray writes while it runs
    out, err = search.communicate()
    printed = [out, err]
    assert search.returncode == 0, out + err
    assert "missing" not in err
    certified = masga(
        "certify",
        directory,
        "--seeds",
        "2",
        "--tokens",
        "50%",
        "--workers",
        "1",
        environment=environment,
    )
    printed += [certified.stdout, certified.stderr]
    assert certified.returncode == 0, printed[-1]

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["sync", str(directory)]) == 0
    assert main(["report", str(directory)]) == 0
    exported = {
        name: main(["export", str(directory), "--format", name, "--output", str(tmp_path / name)])
        for name in sorted(FORMATS)
    }
    assert {name for name, code in exported.items() if code == 0} >= {"yaml", "script", "hf"}
    assert set(exported.values()) <= {0, 2}  # not every genome is one of a trainer's
    (tmp_path / "pack").mkdir()
    pack(load_run(path).config, tmp_path / "pack")
    captured = capfd.readouterr()
    printed += [captured.out, captured.err]

    assert "nothing was missing" in captured.out
    assert leaks(tmp_path, secrets) == []
    assert leaks(server.place / "artifacts", secrets) == []
    assert leaks(environment["TMPDIR"], secrets) == []
    assert list((server.place / "artifacts").rglob("state.json")), "the winner was not uploaded"
    for text in printed:
        assert not [secret for secret in secrets if secret.decode() in text], text


def test_a_search_whose_password_is_wrong_is_warned_at_once_and_is_the_same_search(
    server, masga, masga_here, environment, run_file, undisturbed, tmp_path
):
    wrong = {**environment, **server.credentials, "MLFLOW_TRACKING_PASSWORD": "not-it-4714"}
    path = run_file(mlflow={"enabled": True, "tracking_uri": server.uri, "experiment": "wrong"})
    result = masga("search", path, environment=wrong)
    assert result.returncode == 0, result.stdout + result.stderr
    told = result.stdout + result.stderr
    assert result.stderr.count("does not accept what MLFLOW_TRACKING_USERNAME") == 2  # first, last
    assert "or write ~/.mlflow/credentials" in result.stderr
    assert "is missing" in result.stderr
    assert "not-it-4714" not in told
    directory = tmp_path / "runs" / "tiny"
    assert lasting(directory) == lasting(undisturbed)
    refused = masga_here("sync", directory, environment=wrong)
    assert refused.returncode == 2
    right = {**environment, **server.credentials}
    assert "new runs" in masga_here("sync", directory, environment=right).stdout
    assert "nothing was missing" in masga_here("sync", directory, environment=right).stdout


def test_a_server_that_is_killed_during_a_search_loses_nothing(
    open_server, masga_here, start, run_file, undisturbed, tmp_path
):
    path = run_file(
        mlflow={"enabled": True, "tracking_uri": open_server.uri, "experiment": "killed"}
    )
    search = start("search", path)
    directory = tmp_path / "runs" / "tiny"
    wait_for(directory / LOG_NAME, b"generation_closed", search)
    open_server.kill()
    try:
        out, err = search.communicate()
    finally:
        open_server.start()
    assert search.returncode == 0, out + err
    assert lasting(directory) == lasting(undisturbed)
    assert "is missing" in err
    assert f"masga sync {directory}" in err
    assert "Traceback" not in out + err
    assert "new points" in masga_here("sync", directory).stdout
    assert "nothing was missing" in masga_here("sync", directory).stdout
    beside = f"sqlite:///{tmp_path / 'beside.db'}"
    assert masga_here("sync", directory, "--tracking-uri", beside).returncode == 0
    assert rows(open_server.store) == rows(beside)


def rows(store):
    """What a SQLite store holds, runs by their names."""
    import contextlib
    import sqlite3

    query = (
        "select r.name, m.key, m.step, m.value, m.timestamp from metrics m join runs r "
        "using (run_uuid) union all select r.name, p.key, p.value, 0, 0 from params p "
        "join runs r using (run_uuid)"
    )
    with contextlib.closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
        found = sorted(map(str, connection.execute(query)))
    assert found
    return found
