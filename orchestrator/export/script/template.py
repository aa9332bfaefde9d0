"""Pieces of a script with parts for some genomes only: `#: if`, `#: else`, `#: end` on own lines.

A condition is words joined by `and` and `or` (which binds weaker), each perhaps after `not`; a word
holds if it is one of the facts. Nothing is substituted: what varies are whole lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

MARK = "#: "


def resolved(piece: str, facts: AbstractSet[str]) -> str:
    r"""Return the lines of a piece whose conditions hold.

    Raises:
        ValueError: A mark is unknown, or an `if` has no `end`.

    >>> resolved("a\n#: if x\nb\n#: else\nc\n#: end\n", {"x"})
    'a\nb\n'
    """
    lines: list[str] = []
    holding: list[bool] = []  # one an open `if`
    for number, line in enumerate(piece.splitlines(), start=1):
        if not line.startswith(MARK):
            if all(holding):
                lines.append(line)
            continue
        mark, _, condition = line.removeprefix(MARK).partition(" ")
        if mark == "if" and condition:
            holding.append(holds(condition, facts))
        elif mark == "else" and holding:
            holding[-1] = not holding[-1]
        elif mark == "end" and holding:
            holding.pop()
        else:
            raise ValueError(f"Line {number} must be an if, else or end in place, but is {line!r}.")
    if holding:
        raise ValueError(f"Every if must have its end, but {len(holding)} has not.")
    return "".join(f"{line}\n" for line in lines)


def holds(condition: str, facts: AbstractSet[str]) -> bool:
    """Return whether a condition holds.

    >>> holds("x and not y or z", {"z"}), holds("x and not y or z", {"x", "y"})
    (True, False)
    """
    return any(
        all(_is_so(word, facts) for word in part.split(" and ")) for part in condition.split(" or ")
    )


def words(piece: str) -> frozenset[str]:
    """Return every word that a piece's conditions ask for."""
    found: set[str] = set()
    for line in piece.splitlines():
        if line.startswith(f"{MARK}if "):
            found |= set(line.removeprefix(f"{MARK}if ").split()) - {"and", "or", "not"}
    return frozenset(found)


def _is_so(word: str, facts: AbstractSet[str]) -> bool:
    return word.removeprefix("not ") not in facts if word.startswith("not ") else word in facts
