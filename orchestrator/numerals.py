"""Numbers and durations as people read them."""

from __future__ import annotations


def count(value: float) -> str:
    """Return three significant digits with a unit.

    >>> count(999), count(1_234_567), count(8e14)
    ('999', '1.23M', '800T')
    """
    for unit, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * factor:
            return f"{value / factor:#.3g}".rstrip(".") + unit
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a duration to two units.

    >>> duration(0.35), duration(75), duration(7322)
    ('0.3s', '1m15s', '2h02m')
    """
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    if hours >= 48:
        return f"{hours // 24}d{hours % 24:02d}h"
    if hours:
        return f"{hours}h{minutes % 60:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def loss(nats: float | None) -> str:
    """Return nats per token to 4 decimals, or a dash."""
    return "-" if nats is None else f"{nats:.4f}"


def gene(value: object) -> str:
    """Return a gene's value, short.

    >>> gene(0.00312345), gene([2, 2, 4]), gene(True)
    ('0.00312', '[2 2 4]', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return f"[{' '.join(gene(v) for v in value)}]"
    return str(value)
