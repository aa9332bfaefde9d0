"""Whatever text a log holds is text on the page: it loads, runs and breaks nothing."""

import json

from orchestrator import cli
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import SearchStarted, decode, encode

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' $\\frac{$ ]]> -->"


def hostile(value, kept=frozenset({"policy", "proposer", "horizon", "sampler"})):
    """Put the text in the place of every text of a JSON value."""
    if isinstance(value, dict):
        return {k: v if k in kept else hostile(v) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def write(directory, events):
    """Write a log in which every text that may be any text is hostile."""
    free = {"proposer", "failure", "morph", "origin", "price_reason"}
    with EventLog(directory / LOG_NAME) as log:
        for event in events:
            kind, lasting, beside = json.loads(json.dumps(encode(event)))
            lasting = {
                k: hostile(v) if k in free and v is not None else v for k, v in lasting.items()
            }
            if isinstance(event, SearchStarted):
                lasting["run"]["name"] = HOSTILE
                lasting["corpus"] = {**hostile(lasting["corpus"]), "sources": []}
                beside = {"environment": hostile(beside["environment"])}
            elif "origin" in beside:
                beside["origin"] = HOSTILE
            log.append([decode(kind, lasting, beside)])


def test_a_report_of_a_hostile_log_runs_nothing(tmp_path, tale, capsys):
    directory = tmp_path / "<script>alert(2)<&script> $x^{"
    directory.mkdir()
    write(directory, tale)
    assert cli.main(["report", str(directory)]) == 0
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert "&lt;img src=x onerror" in page
    assert "<img src=x" not in page
    assert "<script>alert" not in page
