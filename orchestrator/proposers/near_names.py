"""Messages for names that are not known: which ones were perhaps meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def unknown_name(kind: str, name: str, known: Collection[str]) -> ValueError:
    """Return the error for a name that is not among the known ones.

    >>> print(unknown_name("sampler", "TPESample", ["RandomSampler", "TPESampler"]))
    There is no sampler 'TPESample'. Near: TPESampler, RandomSampler.
    """
    lower = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.5)
    if near:
        return ValueError(
            f"There is no {kind} {name!r}. Near: {', '.join(lower[other] for other in near)}."
        )
    shown = sorted(known)[:12]
    rest = f", and {len(known) - 12} more" if len(known) > 12 else ""
    return ValueError(f"There is no {kind} {name!r}. Choose among: {', '.join(shown)}{rest}.")
