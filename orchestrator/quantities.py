"""Numbers as people write them in run files: `8M`, `1e15`, `2GB`, `1_000_000`."""

from __future__ import annotations

import math
import re

_COUNT_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BYTE_UNITS = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
}
_WRITTEN = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_count(written: object) -> float:
    """Read a count such as `8M`, `1e15` or 4096.

    Raises:
        ValueError: It is not a finite number with one of the units k, M, G (or B), T, P, E.

    >>> parse_count("1.5M")
    1500000.0
    """
    units = ", ".join(unit for unit in _COUNT_UNITS if unit)
    return _parse(written, dict(_COUNT_UNITS), f"a number such as 4096, 1e6 or 8M ({units})")


def parse_bytes(written: object) -> int:
    """Read an amount of memory such as `2GB` (10^9) or `2GiB` (2^30), in bytes.

    Raises:
        ValueError: It is not a whole number of bytes.

    >>> parse_bytes("2GB"), parse_bytes("1KiB")
    (2000000000, 1024)
    """
    law = "an amount of memory such as 256MB, 2GB or 1GiB"
    units = {unit.upper(): float(factor) for unit, factor in _BYTE_UNITS.items()}
    return round(_parse(written.upper() if isinstance(written, str) else written, units, law))


def _parse(written: object, units: dict[str, float], law: str) -> float:
    value = math.nan
    if isinstance(written, str):
        match = _WRITTEN.fullmatch(written)
        if match is not None and match[2] in units:
            value = float(match[1].replace("_", "")) * units[match[2]]
    elif isinstance(written, int | float) and not isinstance(written, bool):
        value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{law} is needed, but got {written!r}.")
    return value
