"""`--tokens`: how long a certification trains, as a share of the winner's tokens or a number."""

from __future__ import annotations

from orchestrator.errors import UserError
from orchestrator.quantities import parse_count


def tokens_of(written: str, *, whole: int) -> int:
    """Read the tokens of a training.

    Args:
        written: `0.25` and `25%` are shares, `50k` is a number of tokens.
        whole: The winner's tokens.

    Raises:
        UserError: It is neither, or more than the winner's.

    >>> tokens_of("25%", whole=1000), tokens_of("0.5", whole=1000), tokens_of("100", whole=1000)
    (250, 500, 100)
    """
    try:
        value = parse_count(written.removesuffix("%"))
    except ValueError:
        value = 0.0
    if written.endswith("%"):
        value *= whole / 100
    elif value <= 1:
        value *= whole
    if not 1 <= value <= whole:
        raise UserError(
            where=f"--tokens {written}",
            law=f"a training has a share of the winner's {whole} tokens, or at most as many",
            found=repr(written),
            remedy="Write, for example, --tokens 0.25, --tokens 25% or --tokens 50k.",
        )
    return round(value)
