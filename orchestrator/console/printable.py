"""Text from files on a terminal: shown as text, whatever it holds.

Names in a log or in a run file that somebody sent may hold escape sequences, which move the cursor,
rename the window or hide what stands there; or signs that change the direction of the line.
"""

from __future__ import annotations

import re

UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line feed, signs of direction, and halves of characters."""


def printable(text: str) -> str:
    r"""Return a text with what a terminal would act on written out.

    >>> printable("a name\x1b[2J")
    'a name\\x1b[2J'
    """
    return UNSHOWN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
