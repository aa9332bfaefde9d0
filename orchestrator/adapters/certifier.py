"""Runs a certification on Ray Tune, from its start or from its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.adapters.environment import ray_cluster
from orchestrator.adapters.hosting import Hosting, count_workers, host
from orchestrator.certification.course import Certification
from orchestrator.certification.plan import plan_from_json
from orchestrator.event_log import LOG_NAME
from orchestrator.events import CertificationFinished
from orchestrator.interrupts import remembered_interrupts
from orchestrator.journal import Journal
from orchestrator.observers import Audience
from orchestrator.storage.logs import open_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.events import CertificationStarted
    from orchestrator.observers import Observer
    from orchestrator.run_config import ResourcesConfig
    from orchestrator.setting import Setting


def run_certification(
    started: CertificationStarted,
    directory: Path,
    *,
    setting: Setting,
    resources: ResourcesConfig,
    again: str,
    observers: Sequence[Observer] = (),
) -> None:
    """Start a certification, or go on with it where its log ends, until it has finished.

    Args:
        started: The certification; the one that the log begins with, if there is one.
        directory: Of its log and checkpoints.
        setting: Of the search, with the horizon of the certification's plan.
        resources: Where it runs.
        again: The command that goes on.
        observers: Told of what happens.

    Raises:
        UserError: The cluster or the disk is not as it must be, or another process runs it.
        KeyboardInterrupt: Interrupted; the same call goes on.
    """
    audience = Audience(observers)
    plan = plan_from_json(started.plan)
    try:
        with remembered_interrupts() as interrupts, open_log(directory / LOG_NAME) as log:
            journal = Journal(log, audience.on_event)
            if log.events and isinstance(log.events[-1], CertificationFinished):
                journal.record(log.events)
                return
            with ray_cluster(
                address=resources.address, num_cpus=None, object_store_bytes=resources.object_store
            ) as lifeline:
                hosting = Hosting(
                    directory=directory,
                    setting=setting,
                    resources=resources,
                    workers=count_workers(resources, most=plan.members),
                    keep_generations=None,
                    one_by_one=True,  # a worker then goes on with the training that it holds
                    spread=None,
                    again=again,
                    lifeline=lifeline,
                )
                journal.record([started])
                course = Certification(plan, journal)
                host(
                    course,
                    hosting,
                    journal=journal,
                    audience=audience,
                    interrupts=interrupts,
                )
    finally:
        audience.close()
