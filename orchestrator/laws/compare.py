"""Compare laws by what they are for: fit the small runs, predict the large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws.fitting.fit import Fit, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.laws.fitting.losses import Loss
    from orchestrator.laws.law import Array, Law
    from orchestrator.laws.table import Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One law on one split.

    Args:
        law: Its name.
        held_out: Root mean square of log(prediction / value) on the held-out rows (of plain
            differences, for laws with plain residuals).
        interval: Its 95 % interval from resampling held-out clusters.
        bias: Mean of log(prediction / value) on the held-out rows.
        inside: The same root mean square on the fitted rows.
        aic, bic: Information criteria of the fit, beside the held-out error, never instead.
        worse: Share of resamples in which this law predicts worse than the best one.
        fitted: The fit to the small runs.
    """

    law: str
    held_out: float
    interval: tuple[float, float]
    bias: float
    inside: float
    aic: float
    bic: float
    worse: float
    fitted: Fit


def largest(values: Array, share: float) -> NDArray[np.bool_]:
    """Mark the rows with the largest values: at least `share` of them, ties together, (n,).

    Raises:
        ValueError: `0 < share < 1` does not hold, or all rows would be held out.
    """
    if not 0 < share < 1:
        message = f"`0 < share < 1` must hold, but got {share}."
        raise ValueError(message)
    count = max(1, round(share * values.size))
    level = np.sort(values)[-count]
    mask = values >= level * (1 - 1e-12)
    if mask.all():
        message = "Every row would be held out: the values do not differ."
        raise ValueError(message)
    return np.asarray(mask)


def parse_holdout(text: str, data: Data, law: Law) -> NDArray[np.bool_]:
    """Read `largest:20%` (of the product of the inputs) or `largest:20%:COLUMN`.

    Raises:
        UserError: Another form.
    """
    parts = text.split(":")
    try:
        if parts[0] != "largest" or len(parts) not in {2, 3} or not parts[1].endswith("%"):
            raise ValueError(text)  # noqa: TRY301 - one message for all wrong forms
        share = float(parts[1][:-1]) / 100
        if len(parts) == 3:
            values = data.table.numbers(parts[2], meaning="what --holdout sorts by")
        else:
            positive = [x for x, c in zip(data.inputs, law.inputs, strict=True) if c.positive]
            if not positive:
                raise ValueError(text)  # noqa: TRY301 - one message for all wrong forms
            values = np.exp(np.sum([np.log(x) for x in positive], axis=0))
        return largest(values, share)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(
            where="--holdout",
            law="it reads largest:P% or largest:P%:COLUMN, and leaves rows to fit",
            found=repr(text),
            remedy="For example --holdout largest:20% (the largest by the product of the inputs).",
        ) from error


def compare(
    laws: dict[str, tuple[Law, Data]],
    held_out: NDArray[np.bool_],  # (n,)
    *,
    loss: Loss,
    rng: np.random.Generator,
    clusters: Array | None = None,
    resamples: int = 1000,
) -> list[Score]:
    """Fit every law to the rows that are not held out and score it on those that are.

    Args:
        laws: Laws with their columns of one and the same table.
        held_out: The rows to predict.
        loss: What each fit minimises.
        rng: For the resampling of held-out clusters.
        clusters: A label a row; rows of a label are resampled together.
        resamples: How many.

    Returns:
        Scores, the best held-out error first.
    """
    errors, fits = {}, {}
    for name, (law, data) in laws.items():
        inputs, target = data.rows(~held_out)
        fits[name] = fit(law, inputs, target, loss=loss)
        new_inputs, new_target = data.rows(held_out)
        prediction = fits[name].predict(new_inputs)
        with np.errstate(all="ignore"):
            difference = (
                np.log(prediction) - np.log(new_target)
                if law.residual == "log"
                else prediction - new_target
            )
        errors[name] = np.where(np.isfinite(difference), difference, 10.0)
    labels = np.arange(held_out.size) if clusters is None else clusters
    _, groups = np.unique(labels[held_out], return_inverse=True)
    count = int(groups.max()) + 1
    draws = rng.integers(0, count, size=(resamples, count))
    counts = np.stack([np.bincount(d, minlength=count) for d in draws])
    weights = counts[:, groups].astype(np.float64)
    resampled = {name: _root(weights, error**2) for name, error in errors.items()}
    order = sorted(errors, key=lambda name: float(np.mean(errors[name] ** 2)))
    scores = []
    for name in order:
        low, high = np.quantile(resampled[name], [0.025, 0.975])
        aic, bic = fits[name].information()
        scores.append(
            Score(
                law=name,
                held_out=float(np.sqrt(np.mean(errors[name] ** 2))),
                interval=(float(low), float(high)),
                bias=float(errors[name].mean()),
                inside=float(np.sqrt(np.mean(fits[name].residuals ** 2))),
                aic=aic,
                bic=bic,
                worse=float(np.mean(resampled[name] > resampled[order[0]])),
                fitted=fits[name],
            )
        )
    return scores


def _root(weights: Array, square: Array) -> Array:  # (R, m), (m,) -> (R,)
    return np.asarray(np.sqrt((weights * square).sum(axis=1) / weights.sum(axis=1)))
