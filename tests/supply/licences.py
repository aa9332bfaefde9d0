"""Licences of everything that MASGA's own requirements install: `python -m tests.supply.licences`."""

from __future__ import annotations

import re
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = frozenset(
    {
        "0BSD", "APACHE-2.0", "BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT",
        "MIT-0", "MIT-CMU", "PSF-2.0", "PYTHON-2.0", "UNLICENSE", "ZLIB", "APACHE-2.0 WITH LLVM-EXCEPTION",
        "MPL-2.0",  # of its own files only: nothing of ours is derived from them
    }
)  # fmt: skip
_WORDS = {
    "3-CLAUSE BSD LICENSE": "BSD-3-CLAUSE",
    "APACHE 2.0": "APACHE-2.0",
    "APACHE SOFTWARE LICENSE": "APACHE-2.0",
    "BSD 3-CLAUSE LICENSE": "BSD-3-CLAUSE",
    "BSD LICENSE": "BSD",
    "MIT LICENSE": "MIT",
    "MOZILLA PUBLIC LICENSE 2.0 (MPL 2.0)": "MPL-2.0",
    "PYTHON SOFTWARE FOUNDATION LICENSE": "PSF-2.0",
}
"""How packages that do not write SPDX expressions name them."""
BY_HAND = {
    "huey": ("MIT", "its metadata names none; its LICENSE file is MIT's"),
    "skops": ("MIT", "its metadata names none; its LICENSE file is MIT's"),
}
"""Packages whose licence was read by a person: the licence, and why it had to be."""
SUFFERED = {
    "directsearch": (
        "GNU GENERAL PUBLIC LICENSE V3 OR LATER (GPLV3+)",
        "Nevergrad requires it and loads it for direct search alone; MASGA does not import it",
    ),
}
"""Packages of a licence that is not ours to take, each with why it may be installed beside us."""


def closure(name: str) -> dict[str, frozenset[str]]:
    """Return the installed packages that a package requires, extras it asks of them included."""
    found: dict[str, frozenset[str]] = {}
    todo: list[tuple[str, frozenset[str]]] = [(canonicalize_name(name), frozenset())]
    while todo:
        package, extras = todo.pop()
        if package in found and extras <= found[package]:
            continue
        found[package] = found.get(package, frozenset()) | extras
        for written in metadata.requires(package) or []:
            requirement = Requirement(written)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in (*extras, "")):
                todo.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def licences_of(package: str) -> str:
    """Return an expression of the licences of a package, upper case; empty: it names none."""
    if package in BY_HAND:
        return BY_HAND[package][0]
    about = metadata.metadata(package)
    classifiers = [
        c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if c.startswith("License ::")
    ]  # fmt: skip
    text = (about.get("License") or "").strip()
    brief = text if text and "\n" not in text and len(text) < 60 else ""
    expression = about.get("License-Expression") or (" OR ".join(classifiers) or brief)
    expression = brief if expression == "OSI Approved" else expression
    return expression.upper()


def is_permissive(expression: str) -> bool:
    """Return whether an SPDX expression can be met by permissive licences alone.

    >>> is_permissive("MIT AND (BSD-3-CLAUSE OR GPL-3.0-ONLY)")
    True
    >>> is_permissive("MIT AND GPL-3.0-ONLY")
    False
    """
    named = _WORDS.get(expression, expression)
    if named in PERMISSIVE:
        return True
    parts = re.split(r"\b(AND|OR)\b|([()])", named)
    terms = [part.strip() for part in parts if part and part.strip()]
    if len(terms) <= 1:
        return False
    written = [
        term.lower() if term in {"AND", "OR"} else term if term in "()"
        else str(_WORDS.get(term, term) in PERMISSIVE)
        for term in terms
    ]  # fmt: skip
    return _truth(written)


def _truth(terms: list[str]) -> bool:
    """Evaluate `True and ( False or True )`; `and` binds closer."""

    def either() -> bool:
        value = both()
        while terms and terms[0] == "or":
            terms.pop(0)
            value = both() or value
        return value

    def both() -> bool:
        value = one()
        while terms and terms[0] == "and":
            terms.pop(0)
            value = one() and value
        return value

    def one() -> bool:
        term = terms.pop(0)
        if term != "(":
            return term == "True"
        value = either()
        terms.pop(0)
        return value

    return either()


def breaches(packages: dict[str, frozenset[str]]) -> list[str]:
    """Return the packages whose licence is unknown or not to be taken, each with what it says."""
    told = []
    for package in sorted(packages):
        expression = licences_of(package)
        if package in SUFFERED and expression == SUFFERED[package][0]:
            continue
        if not is_permissive(expression):
            told.append(f"{package}: {expression or 'its metadata names no licence'}")
    return told


if __name__ == "__main__":
    installed = closure("masga")
    for package in sorted(installed):
        print(f"{package:40} {licences_of(package)}")
    print("\n".join(breaches(installed)) or f"{len(installed)} packages: nothing to object to")
    sys.exit(bool(breaches(installed)))
