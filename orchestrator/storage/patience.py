"""Waits out a store that does not answer for a while; what cannot heal is told at once."""

from __future__ import annotations

import logging
import os
import random
import re
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger("masga")
_T = TypeVar("_T")

PATIENCE_VARIABLE = "MASGA_STORE_PATIENCE"
DEFAULT_PATIENCE_SECONDS = 300.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 20.0
_HOPELESS = re.compile(
    r"NO_SUCH_BUCKET|ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH"
    r"|INVALID_SIGNATURE|INVALID_CLIENT_TOKEN_ID|UNRECOGNIZED_CLIENT|MISSING_AUTHENTICATION_TOKEN"
    r"|INVALID_BUCKET_NAME|NOT_SIGNED_UP|OPT_IN_REQUIRED|VALIDATION"
    r"|HTTP status 4(?!08|25|29)\d\d|HTTP status 30[127]"  # but timeout, too early, too many
    r"|PERMISSION_DENIED|UNAUTHENTICATED|INVALID_ARGUMENT|bucket does not exist"
)
"""What AWS and Google say of mistakes; all else may pass."""


def patience_seconds() -> float:
    """Return how long a store may be away: $MASGA_STORE_PATIENCE in seconds, or five minutes.

    Raises:
        UserError: The variable is no number of seconds.
    """
    text = os.environ.get(PATIENCE_VARIABLE)
    if text is None:
        return DEFAULT_PATIENCE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise UserError(
            where=PATIENCE_VARIABLE,
            law="it is a number of seconds",
            found=text,
            remedy=f"Write one, or unset it for {DEFAULT_PATIENCE_SECONDS:g}.",
        )
    return seconds


class _Outages:
    """Which stores do not answer now: each outage is told once, whatever asks."""

    def __init__(self) -> None:
        self._away: set[str] = set()
        self._lock = threading.Lock()

    def begins(self, store: str) -> bool:
        with self._lock:
            is_new = store not in self._away
            self._away.add(store)
            return is_new

    def ends(self, store: str) -> bool:
        if not self._away:
            return False
        with self._lock:
            was_away = store in self._away
            self._away.discard(store)
            return was_away


_OUTAGES = _Outages()


def patiently(act: Callable[[], _T], *, store: str, where: str, seconds: float) -> _T:
    """Do something with a store, again and again while it is away: exponential pauses, jittered.

    Args:
        act: What to do; may be done more than once.
        store: Name of the store, told once for an outage.
        where: What is read or written.
        seconds: How long to go on trying.

    Raises:
        FileNotFoundError: As `act` does.
        UserError: It cannot heal (no such bucket, access denied), or lasted longer than `seconds`.
    """
    from pyarrow.lib import ArrowException  # noqa: PLC0415 - slow, and only a store needs it

    began: float | None = None
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            outcome = act()
        except (FileNotFoundError, UserError):
            raise
        except (OSError, ArrowException) as error:
            found = " ".join(str(error).partition("(Request ID")[0].split())
            if is_hopeless(error):
                raise _refused(where, found) from error
            now = time.monotonic()
            began = now if began is None else began
            if now - began + pause > seconds:
                raise _away(where, found, seconds) from error
            if _OUTAGES.begins(store):
                _LOG.warning(
                    "%s does not answer as it should (%s); trying again for up to %g s. "
                    "Nothing is lost while this lasts.",
                    store,
                    found,
                    seconds,
                )
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - apart in time, no secret
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            if _OUTAGES.ends(store):
                _LOG.warning("%s answers again.", store)
            return outcome


def is_hopeless(error: Exception) -> bool:
    """Return whether trying again leads nowhere."""
    if isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError):
        return True
    if not isinstance(error, OSError):  # a URI, an option or a scheme that pyarrow does not know
        return True
    return _HOPELESS.search(str(error)) is not None


def _refused(where: str, found: str) -> UserError:
    return UserError(
        where=where,
        law="the store can be read and written with the credentials found here",
        found=Clause(f"it says: {found.rstrip('.')}"),
        remedy="Check bucket, options and rights. Credentials come from the environment or the "
        "files of the store's own tools (AWS_ACCESS_KEY_ID, ~/.aws, "
        "GOOGLE_APPLICATION_CREDENTIALS).",
    )


def _away(where: str, found: str, seconds: float) -> UserError:
    return UserError(
        where=where,
        law=f"the store answers within {seconds:g} s",
        found=Clause(f"it does not: {found.rstrip('.')}"),
        remedy="Nothing that was done is lost: when it answers again, 'masga resume' goes on. "
        f"To wait longer, set {PATIENCE_VARIABLE} to a number of seconds.",
    )
