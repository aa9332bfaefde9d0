"""The driver's clock, which can be set back while it runs (libfaketime; this machine's stays)."""

from __future__ import annotations

from pathlib import Path

_LIBRARIES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)


class Clock:
    """Moves the wall clock of processes that have its `environment`.

    Args:
        scratch: Where the offset is kept.
    """

    def __init__(self, scratch: Path) -> None:
        self._offset = scratch / "faketime"
        self._library = next(
            (str(found) for pattern in _LIBRARIES for found in Path("/").glob(pattern[1:])), None
        )
        self.obstacle = None if self._library else "libfaketime (Debian: faketime) is not here"
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs for its clock to be this one."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # it is the wall clock that is set
        }

    def set(self, offset: int) -> None:
        """Set it to so many seconds beside the true time, within a second."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{offset:+d}s\n")
        new.replace(self._offset)
