"""The protocol half of a genome: how a member is trained, the rules of its game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from search_spaces.domains import Choice, Integer, Real, Simplex
from search_spaces.genes import ActiveWhen, Within

OptimizerName = Literal["adamw", "lion", "muon", "sgd"]
ScheduleName = Literal["constant", "cosine", "wsd", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Everything that decides an update but the model and the data."""

    optimizer: Annotated[OptimizerName, Choice(("adamw", "lion", "muon", "sgd"))]
    """`muon` updates the hidden matrices by Muon and all other parameters by AdamW."""
    learning_rate: Annotated[float, Real(1e-4, 3e-2, log=True), Within(1e-9, 1e3)]
    """Peak learning rate on AdamW's scale (trainers translate it for the other optimizers)."""
    schedule: Annotated[ScheduleName, Choice(("constant", "cosine", "wsd", "linear"))]
    """Shape of the learning rate over the member's horizon, in tokens."""
    warmup_fraction: Annotated[float, Real(0.0, 0.2), Within(0, 1)]
    """Share of the horizon that warms up linearly."""
    decay_fraction: Annotated[
        float, Real(0.05, 0.5), Within(0, 1), ActiveWhen("schedule", ("wsd",))
    ]
    """Share of the horizon that decays; active when `schedule` is `wsd`."""
    weight_decay: Annotated[float, Real(1e-3, 0.5, log=True), Within(0, 100)]
    """Decoupled weight decay of matrices (1 / (learning-rate unit * step)); vectors have none."""
    beta1: Annotated[float, Real(0.8, 0.98), Within(0, 0.999999)]
    """Decay of the first moment; the momentum of `sgd` and of Muon."""
    beta2: Annotated[
        float,
        Real(0.9, 0.999),
        Within(0, 0.9999999),
        ActiveWhen("optimizer", ("adamw", "lion", "muon")),
    ]
    """Decay of the second moment; not active when `optimizer` is `sgd`."""
    clip_norm: Annotated[float, Real(0.3, 3.0, log=True), Within(1e-6, 1e9)]
    """Largest global norm of the gradient."""
    batch_tokens: Annotated[int, Integer(512, 8192, step=256, log=True), Within(1, 2**30)]
    """Tokens in a batch at the end of the horizon."""
    batch_ramp: Annotated[int, Choice((1, 2, 4)), Within(1, 64)]
    """The batch starts at `batch_tokens / batch_ramp` and doubles at equal spacings of the first
    half of the horizon until it is whole."""
    sequence_ramp: Annotated[int, Choice((1, 2, 4)), Within(1, 64)]
    """Sequences start at `context_length / sequence_ramp` and double likewise; each stage divides
    context_length."""
    dropout: Annotated[float, Real(0.0, 0.3), Within(0, 0.99)]
    """Probability with which a residual branch's output is dropped, elementwise."""
    attention_lr_multiplier: Annotated[float, Real(0.25, 4.0, log=True), Within(0, 1e3)]
    ffn_lr_multiplier: Annotated[float, Real(0.25, 4.0, log=True), Within(0, 1e3)]
    embedding_lr_multiplier: Annotated[float, Real(0.25, 4.0, log=True), Within(0, 1e3)]
    data_mix: Annotated[tuple[float, ...], Simplex(1)]
    """Share of tokens drawn from each source of the corpus, in the run file's order."""
    payoff_sharing: Annotated[float, Real(-1.0, 1.0), Within(-8, 8)] = 0.0
    """Exponent kappa: a component's update is scaled by (its utility / mean of its kind)^kappa, at
    least 1/4, at most 4. 0: ordinary training, > 0: competition, < 0: cooperation. The space `gpt`
    holds it at 0; a run file opens it."""
    price_multiplier: Annotated[float, Real(0.25, 4.0, log=True), Within(0, 1e3)] = 1.0
    """Times the population's price mu: the price at which the member's own components play, so what
    is pruned from its children. Fitness is at the population's price. The space `gpt` holds it at
    1; a run file opens it."""
