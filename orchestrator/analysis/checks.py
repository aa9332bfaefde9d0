"""What a user may choose for an analysis, and how a model that cannot be measured is told."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def check_choices(arguments: argparse.Namespace) -> None:
    """Check what argparse cannot.

    Raises:
        UserError: An option is out of its range, or this machine has no such device.
    """
    checks = (
        ("--evaluations", arguments.evaluations, arguments.evaluations >= 8, "8 or more"),
        ("--threads", arguments.threads, arguments.threads >= 1, "1 or more"),
        ("--level", arguments.level, 0 < arguments.level < 1, "between 0 and 1"),
        (
            "--price",
            arguments.price,
            arguments.price is None or 0 <= arguments.price < math.inf,
            "finite and not negative",
        ),
    )
    for name, value, is_right, law in checks:
        if not is_right:
            raise UserError(
                where=name, law=f"it must be {law}", found=str(value), remedy="Choose another."
            )
    if arguments.device == "cuda":
        import torch  # noqa: PLC0415 - a second

        if not torch.cuda.is_available():
            raise UserError(
                where="--device",
                law="this machine has a GPU that torch can use",
                found="none",
                remedy="Leave it out to measure on the CPU, or see 'masga doctor'.",
            )


def check_fits(arguments: argparse.Namespace, *, is_checkpoint: bool) -> None:
    """Check that the options are those of what is analysed.

    Raises:
        UserError: One is of the other kind.
    """
    if is_checkpoint and arguments.member is not None:
        raise UserError(
            where="--member",
            law="it is given for a search alone",
            found=f"a checkpoint, {arguments.directory}",
            remedy="Leave it out: a checkpoint is one model.",
        )
    if not is_checkpoint and arguments.text is not None:
        raise UserError(
            where="--text",
            law="it is given for a checkpoint of Llama type alone",
            found=f"{arguments.directory}, which has no config.json or is a search",
            remedy="Leave it out: a member of a search is measured on the search's own text.",
        )


@contextlib.contextmanager
def no_measurement(name: str) -> Iterator[None]:
    """Tell a model that cannot be measured as the user's to mend."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:
        told = str(error).removesuffix(".")
        raise UserError(
            where=name,
            law="its game can be measured",
            found=Clause(told[:1].lower() + told[1:]),
            remedy="Choose another member, or other options.",
        ) from error
