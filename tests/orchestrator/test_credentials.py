"""Credentials are refused where they would be copied, and hidden wherever a text is shown."""

import pickle
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli import main
from orchestrator.commands.failures import exit_code
from orchestrator.credentials import (
    carried_credentials,
    require_no_credentials,
    without_credentials,
    without_secrets,
)
from orchestrator.errors import Clause, UserError
from orchestrator.run_loading import load_run

SECRET = "hunter2-hunter2"
CARRYING = [
    f"http://ada:{SECRET}@127.0.0.1:5000",
    f"https://{SECRET}@host/path",
    f"https://:{SECRET}@host",
    f"s3://AKIA:{SECRET}@bucket/runs",
    f"s3://bucket/runs?region=eu&secret_key={SECRET}",
    f"https://host/text.jsonl?X-Amz-Signature={SECRET}&X-Amz-Date=1",
    f"https://host/text.jsonl?sig={SECRET}",
    f"https://host/#access_token={SECRET}",
    f"postgresql+pg8000://mlflow:{SECRET}@db:5432/mlflow",
    f"postgresql://db/mlflow?user=a&password={SECRET}",
    f"http://ada:{SECRET}/more@host:5000/x",
    f"S3:/AKIA:{SECRET}@bucket",
    f"{'x' * 100}://ada:{SECRET}@host",
]
BLAMELESS = [
    "http://127.0.0.1:5000",
    "http://[::1]:5000/a@b",
    "sqlite:////srv/mlflow.db?timeout=5",
    "postgresql://mlflow@db/mlflow",
    "hdfs://ada@namenode/runs",
    "s3://bucket/runs?endpoint_override=localhost:9000&scheme=http",
    "s3://anonymous@bucket/text",
    "abfss://container@account.dfs.core.windows.net/runs",
    "docs/**/*.txt",
    "ada@host",
    "https://host/tokens?page_token_count=",
]


@pytest.mark.parametrize("uri", CARRYING)
def test_what_carries_credentials_is_known_and_shown_without(uri):
    assert carried_credentials(uri)
    assert SECRET not in carried_credentials(uri)
    told = without_credentials(f"cannot read '{uri}': gone")
    assert SECRET not in told
    assert "***" in told
    assert "gone" in told
    assert without_credentials(told) == told


@pytest.mark.parametrize("uri", BLAMELESS)
def test_what_carries_none_is_left_as_it_is(uri):
    assert carried_credentials(uri) is None
    assert without_credentials(f"({uri}, {uri})") == f"({uri}, {uri})"


PASSWORDS = st.text(string.ascii_letters + string.digits + "!$&*+,-./=_~:@%", min_size=6)


@given(PASSWORDS)
def test_no_password_before_a_host_is_seen(password):
    """One that begins with digits and a slash, unquoted, is a port and a path."""
    told = without_credentials(f"http://ada:x{password}@host:5000/api")
    assert f"ada:x{password}" not in told
    assert told.endswith("host:5000/api")


@pytest.mark.parametrize(
    "written",
    [
        {"mlflow": {"tracking_uri": CARRYING[0]}},
        {"output": CARRYING[3]},
        {"corpus": {"sources": [{"path": CARRYING[4]}]}},
        {"corpus": {"sources": [CARRYING[5]]}},
        {"resources": {"address": f"ray://a:{SECRET}@host:10001"}},
        {"mlflow": {"tracking_uri": [CARRYING[0]]}},
        {"nonsense": CARRYING[1]},
    ],
)
def test_a_run_file_with_credentials_is_refused_without_telling_them(written, tmp_path, capsys):
    import yaml

    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"budget": {"tokens": "8M"}, **written}))
    assert main(["search", str(path)]) == 2
    told = capsys.readouterr().err
    assert "holds no credentials" in told
    assert f"{path}:" in told
    assert "environment" in told
    assert SECRET not in told


def test_credentials_on_the_command_line_are_refused_without_telling_them(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("budget: {tokens: 8M}")
    for more in (
        ["search", str(path), "--set", f"mlflow.tracking_uri={CARRYING[0]}"],
        ["search", str(path), "--set", f"mlflow={{tracking_uri: '{CARRYING[0]}'"],
        ["search", str(path), "--set", f"output.deeper={CARRYING[0]}"],
        ["search", str(path), "--output", CARRYING[3]],
        ["submit", str(path), "--set", f"output={CARRYING[3]}"],
        ["sync", str(tmp_path), "--tracking-uri", CARRYING[8]],
        ["compare", "a", "--tracking-uri", CARRYING[8]],
    ):
        assert main(more) == 2, more
        printed = capsys.readouterr()
        assert SECRET not in printed.out + printed.err, more
        assert "***" in printed.err or "holds no credentials" in printed.err, printed.err


def test_mlflow_credentials_have_their_own_place_and_others_theirs(tmp_path):
    with pytest.raises(UserError, match="MLFLOW_TRACKING_PASSWORD"):
        require_no_credentials(CARRYING[0], where="--tracking-uri")
    with pytest.raises(UserError, match="AWS_SECRET_ACCESS_KEY"):
        require_no_credentials(CARRYING[3], where="--output")
    require_no_credentials(None, where="--output")
    path = tmp_path / "run.yaml"
    path.write_text(f"budget: {{tokens: 8M}}\nmlflow:\n  tracking_uri: {CARRYING[8]}\n")
    with pytest.raises(UserError, match=r"run.yaml:3: mlflow.tracking_uri: .*MLFLOW_TRACKING_URI"):
        load_run(path)


def test_errors_are_told_without_credentials_and_stay_what_they_are():
    error = UserError(
        where=CARRYING[0], law="it answers", found=Clause(f"{CARRYING[1]} is down"), remedy="Wait."
    )
    for told in (error, pickle.loads(pickle.dumps(error))):
        assert str(told) == (
            "http://***@127.0.0.1:5000: it answers, but https://***@host/path is down. Wait."
        )


def test_a_fault_of_ours_is_reported_without_the_environments_secrets(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token-of-mlflow")
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:{SECRET}@proxy:3128")
    error = RuntimeError(
        f"sent wJalrXUtnFEMI/K7MDENG and a-token-of-mlflow through http://ada:{SECRET}@proxy"
    )
    with pytest.raises(RuntimeError) as caught:
        raise error
    assert exit_code(caught.value, directory=tmp_path) == 1
    (written,) = tmp_path.glob("masga-error-*.txt")
    printed = capsys.readouterr().err
    for text in (written.read_text(), printed):
        assert "sent *** and *** through http://***@proxy" in text
        assert SECRET not in text
    assert "Traceback" in written.read_text()


def test_words_that_only_look_like_secrets_stay():
    assert without_secrets("true or 1", {"USE_TOKENS": "true", "KEY": "1"}) == "true or 1"
