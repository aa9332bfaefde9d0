"""The laws by name: one file a law. `data_mixing:5` and the like name a family at a size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.laws.forms import (
    annealing,
    bahri_resolution,
    bahri_variance,
    bleu,
    bnsl,
    chinchilla,
    clark_routed,
    coverage,
    critical_batch_loss,
    critical_batch_steps,
    data_filtering,
    data_mixing,
    encoder_decoder,
    farseer,
    gadre_error,
    gadre_loss,
    henighan,
    hestness,
    kaplan_data,
    kaplan_joint,
    kaplan_size,
    kaplan_steps,
    m1,
    m2,
    m3,
    m4,
    muennighoff,
    multi_power,
    multilingual,
    observational,
    parallel,
    pass_until,
    regression_mixture,
    skaling,
    skill_emergence,
    step_law_batch,
    step_law_learning_rate,
    task_ladder,
    u_shape,
    vocabulary,
    width_rule,
)

if TYPE_CHECKING:
    from orchestrator.laws.law import Law

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        kaplan_size.LAW,
        kaplan_data.LAW,
        kaplan_joint.LAW,
        kaplan_steps.LAW,
        hestness.LAW,
        henighan.LAW,
        chinchilla.LAW,
        gadre_loss.LAW,
        gadre_error.LAW,
        muennighoff.LAW,
        farseer.LAW,
        skaling.LAW,
        clark_routed.LAW,
        vocabulary.LAW,
        task_ladder.LAW,
        observational.LAW,
        step_law_learning_rate.LAW,
        step_law_batch.LAW,
        annealing.LAW,
        multi_power.LAW,
        critical_batch_steps.LAW,
        critical_batch_loss.LAW,
        bnsl.LAW,
        m1.LAW,
        m2.LAW,
        m3.LAW,
        m4.LAW,
        data_mixing.LAW,
        regression_mixture.LAW,
        data_filtering.LAW,
        bleu.LAW,
        pass_until.LAW,
        coverage.LAW,
        u_shape.LAW,
        parallel.LAW,
        multilingual.LAW,
        encoder_decoder.LAW,
        width_rule.LAW,
        bahri_variance.LAW,
        bahri_resolution.LAW,
        skill_emergence.LAW,
    )
}

FAMILIES = {
    "bnsl": bnsl.build,
    "data_mixing": data_mixing.build,
    "regression_mixture": regression_mixture.build,
}
"""Laws whose number of inputs or of breaks is chosen: `law_named("data_mixing:5")`."""


def law_named(name: str) -> Law:
    """Find a law.

    Raises:
        KeyError: No such law, or a size where the law has none.
    """
    base, _, size = name.partition(":")
    if base in LAWS and not size:
        return LAWS[base]
    if base in FAMILIES and size.isdigit():
        return FAMILIES[base](int(size))
    message = f"A law is one of {', '.join(LAWS)}, but got {name!r}."
    raise KeyError(message)


__all__ = ["FAMILIES", "LAWS", "law_named"]
