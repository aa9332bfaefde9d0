"""Searches as jobs of a Ray cluster, through its Jobs API."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.exposure import warn_if_open
from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 120.0
"""A cluster that has just started answers before it can take a job."""
_NOT_YET = "No available agent"
_MARK = "masga_search"
"""Metadata that tells our jobs from others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A submitted search, as the cluster knows it."""

    id: str
    search: str
    """Name of the search."""
    output: str
    """Directory of searches on the cluster."""
    status: str
    """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""
    message: str
    started_at: float | None
    """Seconds since the epoch."""
    ended_at: float | None
    exit_code: int | None

    @property
    def has_ended(self) -> bool:
        """Whether it does nothing any more."""
        return self.status in {"STOPPED", "SUCCEEDED", "FAILED"}


class Jobs:
    """The jobs of one cluster.

    Args:
        address: `http://HEAD:8265`, `auto` on the head node, or `ray://HEAD:10001`.

    Raises:
        UserError: Nobody answers there, or it is no Jobs API.
    """

    def __init__(self, address: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 - seconds

        logging.getLogger("ray").setLevel(logging.ERROR)  # it tells of every upload
        self._address = address
        try:
            self._client: Any = JobSubmissionClient(address)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise UserError(
                where=f"--address {address}",
                law="the dashboard of a Ray cluster, which takes jobs, answers at this address",
                found=Clause(" ".join(str(error).split())[:200].rstrip(".")),
                remedy="Give http://HEAD:8265; the head node needs 'pip install ray[default]' and "
                "'ray start --head --dashboard-host=...' (reachable by those you trust only: who "
                "reaches it can run code there).",
            ) from error

    def submit(self, pack: Path, command: Callable[[str], str], *, search: str, output: str) -> str:
        """Send a pack and start its search.

        Args:
            pack: Directory to upload.
            command: From the job's name to what the head node's shell runs.
            search: Name of the search.
            output: Directory of searches on the cluster.

        Returns:
            The job's name.

        Raises:
            UserError: The cluster does not take it.
        """
        job = f"masga-{search}-{uuid.uuid4().hex[:8]}"
        until = time.monotonic() + PATIENCE_SECONDS
        warn_if_open(self._client.get_address())
        while True:
            try:
                self._client.submit_job(
                    entrypoint=command(job),
                    submission_id=job,
                    runtime_env={"working_dir": str(pack), "env_vars": {"PYTHONUNBUFFERED": "1"}},
                    metadata={_MARK: search, "masga_output": output},
                )
            except RuntimeError as error:
                if _NOT_YET not in str(error) or time.monotonic() > until:
                    raise self._refused(error) from error
                time.sleep(POLL_SECONDS)
            else:
                return job

    def _refused(self, error: RuntimeError) -> UserError:
        return UserError(
            where=f"--address {self._address}",
            law="the cluster takes the job",
            found=Clause(f"it says: {' '.join(str(error).split())[:300].rstrip('.')}"),
            remedy="See the head node's dashboard and its logs, then submit again.",
        )

    def all(self) -> tuple[Job, ...]:
        """Return the cluster's searches, the newest first."""
        ours = [_job(d) for d in self._client.list_jobs() if _MARK in (d.metadata or {})]
        return tuple(sorted(ours, key=lambda job: -(job.started_at or time.time())))

    def get(self, job: str) -> Job:
        """Return one search.

        Raises:
            UserError: The cluster knows no job of that name.
        """
        try:
            return _job(self._client.get_job_info(job))
        except RuntimeError as error:
            known = ", ".join(j.id for j in self.all()[:5]) or "none"
            raise UserError(
                where=job,
                law=f"a job of the cluster at {self._address} has this name",
                found=Clause(f"its searches are: {known}"),
                remedy="See 'masga list'.",
            ) from error

    def logs(self, job: str) -> str:
        """Return what it has printed."""
        self.get(job)
        return str(self._client.get_job_logs(job))

    def follow(self, job: str) -> Iterator[str]:
        """Yield what it prints as it prints it, until it ends."""
        self.get(job)
        loop = asyncio.new_event_loop()
        try:
            stream = self._client.tail_job_logs(job)
            while True:
                try:
                    yield loop.run_until_complete(anext(stream))
                except StopAsyncIteration:
                    return
        finally:
            loop.close()

    def wait(self, job: str) -> Job:
        """Wait until it has ended."""
        while not (found := self.get(job)).has_ended:
            time.sleep(POLL_SECONDS)
        return found

    def stop(self, job: str) -> bool:
        """Stop a search, which can be resumed; return whether there was anything to stop."""
        self.get(job)
        return bool(self._client.stop_job(job))


def _job(details: Any) -> Job:
    metadata = details.metadata or {}
    return Job(
        id=details.submission_id or details.job_id,
        search=metadata.get(_MARK, ""),
        output=metadata.get("masga_output", ""),
        status=str(getattr(details.status, "value", details.status)),
        message=" ".join((details.message or "").split()),
        started_at=None if details.start_time is None else details.start_time / 1000,
        ended_at=None if not details.end_time else details.end_time / 1000,
        exit_code=details.driver_exit_code,
    )
