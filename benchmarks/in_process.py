"""A whole search in this process: one host does all tasks; the log is that of Ray's workers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.journal import Journal
from orchestrator.member_host import MemberHost, NoExchange
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare
from orchestrator.story.telling import told

if TYPE_CHECKING:
    from orchestrator.story.telling import Story


def searched(run: str, overrides: list[str], *, seed: int) -> Story:
    """Run the search of a run file to its end, in a directory of its own; return its story."""
    config = load_run(Path(run), overrides=["baseline=false", *overrides], seed=seed).config
    with tempfile.TemporaryDirectory() as directory:
        path, setting = Path(directory), prepare(config)
        host = MemberHost(
            corpus=setting.corpus,
            settings=setting.settings,
            checkpoints=path / "checkpoints",
            exchange=NoExchange(),
            worker=0,
        )
        with EventLog(path / LOG_NAME) as log:
            search = Search(setting.rules, Journal(log, lambda *_: None))
            tasks = list(search.begin())
            while tasks:
                tasks += search.receive(host.run(tasks.pop(0)))
                host.flush()
        host.close()
        return told(read_log(path / LOG_NAME)[0])
