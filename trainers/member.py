"""A member: one model that trains by intervals, is measured, and rests as a `MemberState` between.

All members of a run read the same tokens and draw the same dropout masks at the same position
(keyed by the run's seed), so that their losses are compared on common random numbers; a member's
own seed draws its first weights.

Several processes may train one member together (`Ranks`): its weights, gradients and optimizer
state are split over them by rows, every batch by sequences. Each has a `Member`, and all call the
same methods in the same order; all decide on the same numbers. What they come to is what one
process does, up to the order of sums.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Self

import torch

from search_spaces.gpt.cost import flops_per_token
from trainers import attribution
from trainers.distributed.alone import ALONE
from trainers.evaluation import Evaluation, evaluate
from trainers.gradient import BatchGradient
from trainers.host import settle_host
from trainers.interval import Interval, Progress
from trainers.measurement.best_reply import best_reply
from trainers.model import Transformer
from trainers.optimizers import UpdateRule
from trainers.payoff_sharing import scaled_step, update_scales
from trainers.reviving import model_of, without_prefix
from trainers.seeds import seed_for
from trainers.state import MemberState, Position
from trainers.steps import Step, plan_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from search_spaces.gpt.architecture import Architecture
    from search_spaces.gpt.protocol import Protocol
    from trainers.data import Corpus, EvaluationBatch, Split
    from trainers.distributed.alone import Alone
    from trainers.distributed.ranks import Ranks
    from trainers.measurement.best_reply import BestReply
    from trainers.payoff_sharing import Scales
    from trainers.settings import TrainerSettings


class Member:
    """One live model; make it by `create` or `from_state`."""

    def __init__(
        self,
        *,
        model: Transformer,
        rule: UpdateRule,
        position: Position,
        utilities: attribution.Utilities,
        protocol: Protocol,
        corpus: Corpus,
        settings: TrainerSettings,
        least_worth: tuple[tuple[str, int, int], ...] = (),
        ranks: Alone | Ranks = ALONE,
    ) -> None:
        self._model = model
        self._ranks = ranks
        self._rule = rule
        self._position = position
        self._utilities = utilities
        self._protocol = protocol
        self._corpus = corpus
        self._settings = settings
        self._gradient = BatchGradient(model, protocol=protocol, settings=settings, ranks=ranks)
        self._scales = self._update_scales()
        self._least_worth = least_worth
        self._evaluation_batches: dict[
            tuple[Split, int, int, int | None], tuple[EvaluationBatch, ...]
        ] = {}

    @classmethod
    def create(
        cls,
        architecture: Architecture,
        protocol: Protocol,
        *,
        corpus: Corpus,
        settings: TrainerSettings,
        member_seed: int,
        ranks: Alone | Ranks = ALONE,
    ) -> Self:
        """Make a member with weights drawn from its own seed."""
        _check_constants(architecture, corpus)
        with ranks.building():
            model = Transformer(architecture)
        if ranks.rank == 0:
            model.initialise(torch.Generator().manual_seed(seed_for(member_seed, "weights")))
        model = ranks.place(model, device=settings.device, compiled=settings.compile)
        return cls(
            model=model,
            rule=UpdateRule(dict(model.named_parameters()), protocol, ranks=ranks),
            position=corpus.start(),
            utilities=attribution.no_utilities(architecture),
            protocol=protocol,
            corpus=corpus,
            settings=settings,
            ranks=ranks,
        )

    @classmethod
    def from_state(
        cls,
        state: MemberState,
        *,
        corpus: Corpus,
        settings: TrainerSettings,
        ranks: Alone | Ranks = ALONE,
    ) -> Self:
        """Continue a state; its tensors are copied.

        Args:
            state: on other ranks than 0 the shapes of its tensors are enough (`without_data`).
            corpus: that it goes on with.
            settings: the same on all ranks.
            ranks: the processes that train it together, whatever number of them made the state.

        Raises:
            ValueError: a weight is missing, unknown or of a shape that the architecture has not.
        """
        _check_constants(state.architecture, corpus)
        with ranks.building():
            whole = model_of(state)
        model = ranks.place(whole, device=settings.device, compiled=settings.compile)
        slots = without_prefix(state.tensors, "optimizer.")
        return cls(
            model=model,
            rule=UpdateRule(dict(model.named_parameters()), state.protocol, slots, ranks=ranks),
            position=state.position,
            utilities=attribution.from_state(state),
            protocol=state.protocol,
            corpus=corpus,
            settings=settings,
            least_worth=state.least_worth,
            ranks=ranks,
        )

    @property
    def model(self) -> Transformer:
        """The live model."""
        return self._model

    @property
    def protocol(self) -> Protocol:
        """How it is trained."""
        return self._protocol

    @property
    def position(self) -> Position:
        """Where training is."""
        return self._position

    @property
    def fresh_slots(self) -> tuple[str, ...]:
        """Optimizer slots (`<parameter>.<slot>`) that started at 0 when this member was made."""
        return self._rule.fresh_slots

    @property
    def utilities(self) -> attribution.UtilityFields:
        """What is known of its components' utilities, as a state holds it."""
        return attribution.to_fields(self._utilities, self._model.architecture)

    def state(self, *, copy: bool = False) -> MemberState:
        """Return the state; its tensors are the live ones unless copied.

        A member of several processes has it on rank 0 alone, gathered on the CPU; the other ranks
        get its shapes, without data.
        """
        tensors = {f"model.{n}": self._ranks.whole(t) for n, t in self._model.state_dict().items()}
        tensors |= {f"optimizer.{n}": t for n, t in self._rule.slots().items()}
        return MemberState(
            architecture=self._model.architecture,
            protocol=self._protocol,
            position=self._position,
            tensors={n: t.clone() for n, t in tensors.items()} if copy else tensors,
            least_worth=self._least_worth,
            **asdict(self.utilities),
        )

    def train(self, tokens: int, *, progress: Callable[[Progress], None] | None = None) -> Interval:
        """Train exactly `tokens` tokens, or less if the loss or the gradient stops being finite.

        A failure leaves the weights, the optimizer and the position as before the bad step.

        Args:
            tokens: a positive multiple of the context length.
            progress: called after every step.

        Raises:
            ValueError: `tokens` is no such multiple.
        """
        settings, architecture = self._settings, self._model.architecture
        steps = plan_interval(
            self._protocol,
            start=self._position.tokens,
            tokens=tokens,
            horizon_tokens=settings.horizon_tokens,
            context_length=self._corpus.context_length,
        )
        settle_host(settings.threads)
        self._model.train()
        self._least_worth = ()  # said of the weights that now change
        begun = time.perf_counter()
        done, count, nats, flops = 0, 0, 0.0, 0.0
        failure: str | None = None
        for step in steps:
            measure = (
                settings.utility_every > 0 and self._position.steps % settings.utility_every == 0
            )
            flops += step.tokens * flops_per_token(architecture, sequence_length=step.length)
            if measure:
                flops += step.tokens * attribution.tap_flops_per_token(architecture)
            loss, failure = self._train_step(step, measure=measure)
            if failure is not None:
                break
            flops += self._rule.flops_per_step()
            done, count, nats = done + step.tokens, count + 1, nats + loss * step.tokens
            if progress is not None:
                progress(
                    Progress(
                        tokens=done,
                        interval_tokens=tokens,
                        loss=loss,
                        learning_rate=self._protocol.learning_rate * step.learning_rate_factor,
                        seconds=time.perf_counter() - begun,
                    )
                )
        return Interval(
            tokens=done,
            steps=count,
            flops=flops,
            seconds=time.perf_counter() - begun,
            mean_train_loss=nats / done if done else None,
            failure=failure,
        )

    def evaluate(self, split: Split, *, batches: int | None = None) -> Evaluation:
        """Measure the loss on a split's fixed batches; `batches` of them, or as many as set."""
        count = self._settings.evaluation_batches if batches is None else batches
        settle_host(self._settings.threads)
        self._model.eval()
        return evaluate(
            self._model,
            self._batches(split, self._settings.evaluation_sequences, count),
            ranks=self._ranks,
        )

    def play(self, *, price: float) -> BestReply:
        """Seek the components' best reply to a price on the game split; a later state names it.

        Before utilities are measured (a short interval after a morph) all proxies are 0, and the
        costliest components are those that are left out.

        Raises:
            ValueError: A loss is not finite.
        """
        settings = self._settings
        settle_host(settings.threads)
        reply = best_reply(
            self._model,
            self._batches("game", settings.game_sequences, 1),
            price=price,
            proxies=self._utilities.mean[:-1],
            margin=settings.game_margin,
            evaluations=settings.game_evaluations,
            ranks=self._ranks,
        )
        self._least_worth = tuple((c.kind, c.layer, c.index) for c in reply.removed)
        return reply

    def evaluate_domains(self) -> tuple[Evaluation, ...]:
        """Measure the loss on the selection windows of each source of the corpus."""
        settings = self._settings
        settle_host(settings.threads)
        self._model.eval()
        return tuple(
            evaluate(
                self._model,
                self._batches(
                    "selection", settings.evaluation_sequences, settings.domain_batches, source
                ),
                ranks=self._ranks,
            )
            for source in range(self._corpus.num_sources)
        )

    def _batches(
        self, split: Split, sequences: int, count: int, source: int | None = None
    ) -> tuple[EvaluationBatch, ...]:
        """Return fixed evaluation batches, read once."""
        key = (split, sequences, count, source)
        if key not in self._evaluation_batches:
            self._evaluation_batches[key] = self._corpus.evaluation_batches(
                split, sequences=sequences, count=count, source=source
            )
        return self._evaluation_batches[key]

    def _train_step(self, step: Step, *, measure: bool) -> tuple[float, str | None]:
        """Take one optimizer step; return its loss and why it was not taken, if so."""
        settings, position = self._settings, self._position
        tokens_BT, after = self._corpus.batch(
            position,
            seed=settings.seed,
            sequences=step.sequences,
            length=step.length,
            mix=self._protocol.data_mix,
        )
        loss, importance = self._gradient.of(tokens_BT, step=position.steps, measure=measure)
        where = f"in the step of tokens {position.tokens} to {after.tokens}"
        if not math.isfinite(loss):
            return loss, f"the training loss became {loss} {where}"
        norm = self._gradient.clip()
        if not math.isfinite(norm):
            return loss, f"the norm of the gradient became {norm} {where}"
        scaled_step(self._rule, step.learning_rate_factor, self._scales)
        self._position = replace(after, steps=position.steps + 1)
        if importance is not None:
            self._utilities = attribution.measured(self._utilities, importance)
            self._scales = self._update_scales()
        return loss, None

    def _update_scales(self) -> Scales:
        """Share payoffs by what is known of utilities now: so a member continues bit by bit."""
        return update_scales(
            dict(self._model.named_parameters()),
            self._utilities,
            self._model.architecture,
            exponent=self._protocol.payoff_sharing,
            ranks=self._ranks,
        )


def _check_constants(architecture: Architecture, corpus: Corpus) -> None:
    for name in ("vocab_size", "context_length"):
        asked, given = getattr(architecture, name), getattr(corpus, name)
        if asked != given:
            raise ValueError(
                f"`{name}` of the architecture must be the corpus's {given}, but got {asked}."
            )
