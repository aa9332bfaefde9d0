"""Whether the record of a search in MLflow is whole after its server died: nothing missing, nothing
twice.

What the search could not tell while the server was away, `masga sync` brings. Then the server's
store must hold what a store holds that was never away: the same points of the same runs.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.event_log import LOG_NAME
from orchestrator.record.identity import search_id
from orchestrator.record.values import SEARCH_TAG, SEGMENT_TAG

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.subject import Subject
    from tests.chaos.tracking import Tracking

_SYNC_SECONDS = 600.0
_POINTS = """
SELECT segment.value, metrics.key, metrics.step, metrics.value, metrics.is_nan
FROM metrics
JOIN tags AS search ON search.run_uuid = metrics.run_uuid AND search.key = ? AND search.value = ?
JOIN tags AS segment ON segment.run_uuid = metrics.run_uuid AND segment.key = ?
"""
_RUNS = """
SELECT segment.value FROM tags AS segment
JOIN tags AS search ON search.run_uuid = segment.run_uuid AND search.key = ? AND search.value = ?
WHERE segment.key = ?
"""


def missing_in_record(subject: Subject, tracking: Tracking, scratch: Path) -> list[str]:
    """Bring the record up to date; return in what it is not that of a server that never died."""
    fresh = scratch / "fresh.db"
    fresh.unlink(missing_ok=True)
    found = [*_sync(subject, tracking.uri), *_sync(subject, f"sqlite:///{fresh}")]
    if found:
        return found
    search = search_id(subject.directory / LOG_NAME)
    assert search is not None
    for name, question in (("runs", _RUNS), ("points", _POINTS)):
        ours, expected = (_rows(db, question, search) for db in (tracking.store, fresh))
        if not expected:
            found.append(f"a fresh MLflow store has no {name} of the search")
        for what, rows in (("missing", expected - ours), ("too many", ours - expected)):
            if rows:
                found.append(f"MLflow: {rows.total()} {name} {what}, such as {next(iter(rows))}")
    return found


def _sync(subject: Subject, uri: str) -> list[str]:
    done = subprocess.run(
        [
            sys.executable, "-m", "orchestrator.cli",
            "sync", str(subject.place), "--tracking-uri", uri,
        ],
        env=subject.environment, capture_output=True, text=True, check=False,
        timeout=_SYNC_SECONDS,
    )  # fmt: skip
    return [] if done.returncode == 0 else [f"'masga sync' to {uri} failed: {done.stderr[-500:]}"]


def _rows(database: Path, question: str, search: str) -> Counter[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
        return Counter(connection.execute(question, (SEARCH_TAG, search, SEGMENT_TAG)))
