"""What a scaling law is: a formula with named inputs, named parameters and an analytic gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Evaluation = tuple[Array, tuple[Array, ...]]
Evaluate = Callable[[tuple[Array, ...], tuple[Array, ...]], Evaluation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One measured column that a law reads.

    Args:
        name: Column name, as `--columns` knows it.
        unit: Unit, for messages and figures.
        span: Lowest and highest ordinary value; synthetic designs draw from it, log-uniformly
            where `positive`.
        positive: Whether values must be above zero.
    """

    name: str
    unit: str
    span: tuple[float, float]
    positive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One fitted number of a law.

    Args:
        name: Its name in the formula.
        unit: Its unit ("1" where it has none).
        start: Range that starts are drawn from (log-uniformly where `scale` is "log").
        low, high: Box constraint, in natural units.
        scale: The coordinate it is fitted in: its logarithm (positive parameters) or itself.
        linear: Whether the prediction is linear in it: its start then comes by variable projection.
        example: A typical value, for synthetic data.
    """

    name: str
    unit: str
    start: tuple[float, float]
    example: float
    low: float = -np.inf
    high: float = np.inf
    scale: Literal["log", "linear"] = "linear"
    linear: bool = False


def coefficient(name: str, unit: str, *, example: float) -> Parameter:
    """Describe a positive parameter in which the prediction is linear (A of A/N^a, or E)."""
    return Parameter(
        name=name, unit=unit, start=(example / 30, example * 30), example=example,
        low=1e-12, high=1e18, scale="log", linear=True,
    )  # fmt: skip


def exponent(
    name: str, *, example: float, start: tuple[float, float] = (0.1, 1.2), high: float = 5.0
) -> Parameter:
    """Describe a positive, dimensionless exponent."""
    return Parameter(
        name=name, unit="1", start=start, example=example, low=1e-4, high=high, scale="log"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A scaling law.

    `evaluate(parameters, inputs)` takes parameters as a tuple of arrays (B, 1), inputs as a tuple
    of arrays (n,) or (B, n), and returns the prediction (B, n) with the tuple of its derivatives by
    each parameter, every one broadcastable to (B, n). It is pure and never raises on numbers: a
    point outside the law's domain gives nan, which a fit treats as infinitely bad.

    Args:
        name: Key in `LAWS`.
        formula: The law as text.
        paper: Where it comes from (authors, year, arXiv number, equation).
        inputs: Columns it reads.
        output: Column it predicts, with its unit.
        parameters: What is fitted, in the order of `evaluate`.
        evaluate: Prediction and derivatives.
        residual: Residuals are differences of logarithms ("log") or plain differences.
        noise: Standard deviation of a residual in the synthetic data of the contract test.
        note: One line on traps.
        design: Draws synthetic inputs where independent spans would not do.
    """

    name: str
    formula: str
    paper: str
    inputs: tuple[Input, ...]
    output: Input
    parameters: tuple[Parameter, ...]
    evaluate: Evaluate
    residual: Literal["log", "identity"] = "log"
    noise: float = 0.003
    note: str = ""
    design: Callable[[np.random.Generator, int], tuple[Array, ...]] | None = field(default=None)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of `evaluate`."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of `evaluate`."""
        return tuple(column.name for column in self.inputs)

    def vector(self, values: Mapping[str, float]) -> Array:
        """Order named parameter values as `evaluate` takes them, (P,).

        Raises:
            KeyError: A parameter is missing or unknown.
        """
        unknown = set(values) ^ set(self.parameter_names)
        if unknown:
            message = (
                f"law {self.name} has the parameters {', '.join(self.parameter_names)}; "
                f"missing or unknown: {', '.join(sorted(unknown))}."
            )
            raise KeyError(message)
        return np.array([values[name] for name in self.parameter_names], dtype=np.float64)

    def predict(
        self,
        parameters: Array,  # (P,) or (B, P), natural units
        inputs: tuple[Array, ...],  # each (n,)
    ) -> Array:
        """Predict the output: (n,) for one parameter vector, (B, n) for B of them."""
        theta = np.atleast_2d(np.asarray(parameters, dtype=np.float64))
        with np.errstate(all="ignore"):
            value, _ = self.evaluate(tuple(theta.T[:, :, None]), inputs)
        value = np.broadcast_to(value, (theta.shape[0], value.shape[-1]))
        return value[0] if np.ndim(parameters) == 1 else value

    def gradient(self, parameters: Array, inputs: tuple[Array, ...]) -> Array:
        """Differentiate the prediction by each parameter, (P, n), at one vector (P,)."""
        theta = np.asarray(parameters, dtype=np.float64)
        with np.errstate(all="ignore"):
            value, parts = self.evaluate(tuple(theta[:, None, None]), inputs)
        return np.stack([np.broadcast_to(part, value.shape)[0] for part in parts])

    def with_fixed(self, values: Mapping[str, float]) -> Law:
        """Return the law with some parameters held at given values and no longer fitted.

        Raises:
            KeyError: A name is not a parameter.
        """
        for name in values:
            if name not in self.parameter_names:
                message = f"{name!r} is no parameter of law {self.name}."
                raise KeyError(message)
        names, inner = self.parameter_names, self.evaluate
        free = [i for i, name in enumerate(names) if name not in values]

        def evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
            given = iter(p)
            full = tuple(
                np.full((1, 1), values[name]) if name in values else next(given) for name in names
            )
            value, parts = inner(full, x)
            return value, tuple(parts[i] for i in free)

        return replace(self, parameters=tuple(self.parameters[i] for i in free), evaluate=evaluate)

    def with_tied(self, first: str, second: str) -> Law:
        """Return the law with parameter `second` tied to equal `first` (alpha = beta, say)."""
        names, inner = self.parameter_names, self.evaluate
        i, j = names.index(first), names.index(second)

        def evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
            given = list(p)
            given.insert(j, given[i - (j < i)])
            value, parts = inner(tuple(given), x)
            summed = list(parts)
            summed[i] = parts[i] + parts[j]
            del summed[j]
            return value, tuple(summed)

        kept = tuple(parameter for k, parameter in enumerate(self.parameters) if k != j)
        return replace(self, parameters=kept, evaluate=evaluate)
