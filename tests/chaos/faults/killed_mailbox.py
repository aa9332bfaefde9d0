"""SIGKILL of the mailbox: what it knew is given to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class KilledMailbox:
    """Ends the process of the actor through which tasks find their workers."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: there always is a mailbox."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill it."""
        victim = world.machines.mailbox()
        victim.kill()
        return f"mailbox {victim.pid}"
