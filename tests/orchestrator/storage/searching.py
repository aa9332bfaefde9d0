"""A program for tests: does the search of a run file in this process, real trainers, no Ray.

python searching.py RUN.yaml          begins it
python searching.py URI-OR-DIRECTORY  goes on with it
"""

import sys
from pathlib import Path

from orchestrator.event_log import LOG_NAME
from orchestrator.events import SearchStarted
from orchestrator.journal import Journal
from orchestrator.member_host import MemberHost, NoExchange
from orchestrator.resuming import open_tasks, run_to_resume
from orchestrator.run_corpus import corpus_json, corpus_of_search
from orchestrator.run_directory import claim_directory
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare
from orchestrator.storage.logs import open_log
from orchestrator.storage.working_copy import arrive, checkpoints_in, corpora_of
from trainers.data import store_corpus
from trainers.host import settle_host


def search(argument):
    settle_host(1)
    config = load_run(Path(argument)).config if argument.endswith(".yaml") else None
    directory = arrive(argument) if config is None else claim_directory(config)
    with open_log(directory / LOG_NAME) as log:
        text = None
        if config is None:
            config = run_to_resume(log.events, directory, trust=True)
            text = corpus_of_search(config, directory, log.events[0].corpus)
        setting = prepare(config, text=text)
        corpora = corpora_of(directory)
        if corpora is not None:
            store_corpus(setting.corpus, corpora)
        journal = Journal(log, lambda event, number, replayed: None)
        started = SearchStarted(
            run=config.deciding(),
            space=setting.rules.space.to_json(),
            corpus=corpus_json(setting.corpus, setting.notes),
            horizon_tokens=setting.settings.horizon_tokens,
            generations=setting.rules.generations,
            environment={"run": config.beside()},
        )
        host = MemberHost(
            corpus=setting.corpus,
            settings=setting.settings,
            checkpoints=checkpoints_in(directory),
            exchange=NoExchange(),
            worker=0,
        )
        journal.record([started])
        conductor = Search(setting.rules, journal)
        tasks = list(open_tasks(conductor, journal))
        while tasks:
            report = host.run(tasks.pop(0))
            host.flush()  # reported only when its state rests
            tasks += conductor.receive(report)
        host.close()


if __name__ == "__main__":
    search(sys.argv[1])
