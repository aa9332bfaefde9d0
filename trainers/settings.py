"""What a run, and no genome, decides about training: seed, horizon, device, measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSettings:
    """Constants of a run for all of its members.

    Raises:
        ValueError: a count is out of its range, or a CPU is asked for what only CUDA does.
    """

    seed: int
    """Keys the order of the data and the dropout masks, the same for all members of a run."""
    horizon_tokens: int
    """Tokens of a whole training; schedules are functions of tokens / horizon_tokens."""
    device: Device = "cpu"
    dtype: Precision = "float32"
    """Precision of matrix products; weights and optimizer state are float32 in both."""
    compile: bool = False
    """Compile the loss with `torch.compile`: pays on CUDA; on a CPU it costs minutes a shape."""
    activation_checkpointing: bool = False
    """Keep only what each layer reads and compute the rest again in the backward pass: the same
    numbers for a third more computing and a fraction of the memory."""
    threads: int = 1
    """Threads of one CPU operator: part of the result, since sums split by thread."""
    utility_every: int = 8
    """Steps between two measurements of the utilities; 0: never."""
    evaluation_sequences: int = 16
    """Sequences in one evaluation batch."""
    evaluation_batches: int = 8
    """Evaluation batches of a split."""
    heldout_batches: int = 32
    """Batches of the held-out split that the last comparison is made on."""
    micro_batch_tokens: int | None = None
    """Most tokens in one forward pass of a process: larger batches accumulate gradients. None: no
    limit."""
    game_evaluations: int = 0
    """Most coalitions that a member's best reply is sought with after an interval; 0: no game."""
    game_sequences: int = 8
    """Sequences of the game split that each coalition is evaluated on."""
    game_margin: float = 2.0
    """Standard errors by which a component's leaving must pay."""
    domain_batches: int = 0
    """Evaluation batches of each source of the corpus; 0: sources are not told apart."""

    def __post_init__(self) -> None:
        at_least = {
            "horizon_tokens": 1,
            "threads": 1,
            "utility_every": 0,
            "evaluation_sequences": 1,
            "evaluation_batches": 1,
            "heldout_batches": 1,
            "game_evaluations": 0,
            "game_sequences": 2,
            "game_margin": 0,
            "domain_batches": 0,
        }
        if self.micro_batch_tokens is not None:
            at_least["micro_batch_tokens"] = 1
        for name, least in at_least.items():
            if (value := getattr(self, name)) < least:
                raise ValueError(f"`{name} >= {least}` must hold, but got {name}={value}.")
        if self.device not in {"cpu", "cuda"}:
            raise ValueError(f"`device` must be cpu or cuda, but got {self.device!r}.")
        if self.dtype not in {"float32", "bfloat16"}:
            raise ValueError(f"`dtype` must be float32 or bfloat16, but got {self.dtype!r}.")
        if self.device == "cpu" and self.dtype != "float32":
            raise ValueError(
                f"On a CPU `dtype` must be float32, but got {self.dtype}. "
                "Set dtype=float32 or device=cuda."
            )
