"""What is told of an interval of training: while it runs, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an interval is, after one of its steps."""

    tokens: int
    """Tokens of the interval trained so far."""
    interval_tokens: int
    loss: float
    """Training loss of the step, nats per token."""
    learning_rate: float
    seconds: float
    """Since the interval began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What training an interval came to."""

    tokens: int
    """Tokens trained: those asked for unless it failed."""
    steps: int
    flops: float
    """Training, Newton-Schulz iterations and measurement, the failed step included."""
    seconds: float
    mean_train_loss: float | None
    """Over the tokens trained, nats per token; None when the first step failed."""
    failure: str | None
    """Why and at which token the interval ended before its time."""
