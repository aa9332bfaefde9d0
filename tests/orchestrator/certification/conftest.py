"""Certifications without trainers: their tasks are answered by a formula."""

from dataclasses import replace

import numpy as np
import pytest

from orchestrator.certification import plan_certification, tallied
from orchestrator.certification.course import Certification
from orchestrator.event_log import EventLog, read_log
from orchestrator.events import (
    Assessed,
    CertificationFinished,
    CertificationStarted,
    Reported,
    SearchStarted,
)
from orchestrator.journal import Journal
from orchestrator.story.telling import told
from orchestrator.tasks import Train


@pytest.fixture
def search(tmp_path, simulation, rules):
    """Return a finished search whose winner has ancestors: story, winner's point, rules."""
    made = rules(members=5, generations=8)
    events = simulation(tmp_path / "search", made).run()
    started = SearchStarted(
        run={"seed": 7}, space={}, corpus={}, horizon_tokens=8192, generations=8, environment={}
    )
    story = told((started, *events))
    return story, (story.finished.winner, story.finished.generation), made


@pytest.fixture
def planned(search):
    """Plan a certification of the search."""
    story, point, made = search

    def plan(**options):
        return plan_certification(story, point, rules=made, **{"replicates": 3, **options})

    return plan


def begun(plan, notes=()):
    return CertificationStarted(
        search={"name": "s", "digest": "d"}, plan=plan.to_json(), notes=notes, environment={}
    )


class Rehearsal:
    """One process's part of a certification, as `Simulation` is of a search."""

    def __init__(self, path, plan, *, answer, order=None, notes=()):
        self.path, self.plan, self.answer, self.notes = path, plan, answer, notes
        self.order = np.random.default_rng(order) if order is not None else None
        self.tasks = []

    def run(self, *, stop_after=None):
        """Go on for so many answers, or to the end; return the tally of the log."""
        with EventLog(self.path) as log:
            journal = Journal(log, lambda *event: None)
            journal.record([begun(self.plan, self.notes)])
            self.course = course = Certification(self.plan, journal)
            if log.events and isinstance(log.events[-1], CertificationFinished):
                return tallied(log.events)
            open_tasks = {task.key.member: task for task in course.begin()}
            for event in log.events:
                if isinstance(event, Reported | Assessed):
                    open_tasks.pop(event.member)
                    open_tasks |= {task.key.member: task for task in course.receive(event)}
            answered = 0
            while open_tasks and answered != stop_after:
                at = 0 if self.order is None else int(self.order.integers(len(open_tasks)))
                task = open_tasks.pop(list(open_tasks)[at])
                assert task.source is None or task.source in course.needed_states()
                self.tasks.append(task)
                open_tasks |= {t.key.member: t for t in course.receive(self.answer(task))}
                answered += 1
        return tallied(read_log(self.path)[0])


@pytest.fixture
def rehearsal():
    return Rehearsal


@pytest.fixture
def formula(answer):
    """Answer tasks: held-out bits per byte follow from the arm's genome and the seeds."""

    def make(*, gains=None, fails=lambda task: False):
        def reply(task):
            if isinstance(task, Train):
                return answer(task, fails=fails)
            noise = np.random.default_rng([task.before.data_seed, task.before.seed]).normal()
            bits = 3.0 + 0.01 * noise + (gains or {}).get(task.genome.digest, 0.0)
            losses = (bits - 0.1, bits + 0.1)
            return replace(
                answer(task), losses=losses, nats_per_token=bits, bits_per_byte=bits
            )  # a token is 1.44 bytes: one factor for all

        return reply

    return make
