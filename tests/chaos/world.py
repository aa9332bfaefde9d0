"""Everything that a fault can strike: the search, the machines under it, the services beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.clock import Clock
    from tests.chaos.disk import Disk
    from tests.chaos.machines import Machines
    from tests.chaos.object_store import ObjectStore
    from tests.chaos.subject import Subject
    from tests.chaos.tracking import Tracking


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where faults are injected."""

    subject: Subject
    machines: Machines
    disk: Disk
    clock: Clock
    tracking: Tracking | None
    store: ObjectStore | None
    """Where the search is kept; none: in a directory of `disk`."""
    stop_seconds: float
    """How long a stopped process stays stopped."""
