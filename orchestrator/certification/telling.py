"""A certificate in words and table cells, for the terminal and the report alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.certification.mean_difference import mean_difference
from orchestrator.certification.sign_flip import smallest_p_value
from orchestrator.numerals import count

if TYPE_CHECKING:
    from orchestrator.certification.certificate import Certificate

ARM_COLUMNS = ("arm", "genome", "parameters", "bits/byte", "sd", "failed", "each seed")
COMPARISON_COLUMNS = ("arm", "mean", "95% interval", "better", "p", "p (Holm)", "the win")


def arm_rows(certificate: Certificate) -> tuple[tuple[str, ...], ...]:
    """Return the arms as cells: mean and standard deviation of bits per byte, and every seed's."""
    return tuple(
        (
            arm.name,
            arm.digest,
            count(arm.parameters),
            _number(arm.mean),
            _number(arm.standard_deviation),
            str(sum(failure is not None for failure in arm.failures)),
            " ".join("failed" if v is None else f"{v:.4f}" for v in arm.bits_per_byte),
        )
        for arm in certificate.arms
    )


def comparison_rows(certificate: Certificate) -> tuple[tuple[str, ...], ...]:
    """Return what each arm is beside the default genome as cells; less is better."""
    rows = []
    for compared in certificate.comparisons:
        gain = compared.gain
        there = [d for d in compared.differences if d is not None]
        rows.append(
            (
                compared.name,
                "-" if gain is None else f"{gain.mean:+.4f}",
                "-" if gain is None else f"{gain.low:+.4f} to {gain.high:+.4f}",
                f"{sum(d < 0 for d in there)} of {len(there)}",
                "-" if compared.p_value is None else f"{compared.p_value:.3g}",
                "-" if compared.p_holm is None else f"{compared.p_holm:.3g}",
                compared.judgement.outcome,
            )
        )
    return tuple(rows)


def reading(certificate: Certificate) -> tuple[str, ...]:
    """Return what must be known to judge the numbers, a sentence or two each."""
    plan = certificate.plan
    length = (
        f"{count(plan.tokens)} tokens a training, as many as the winner had in the search."
        if plan.tokens == plan.winner_tokens
        else f"{count(plan.tokens)} tokens a training, {plan.share:.0%} of the winner's "
        f"{count(plan.winner_tokens)}, with schedules and horizon shortened alike: the certificate "
        "says what holds at this length."
    )
    seeds = (
        "Data order and weights have new seeds, which all arms of a seed share; intervals are "
        "Student's, over seeds."
    )
    tests = (
        f"p-values are of the exact sign-flip test: {plan.replicates} seeds give none below "
        f"{smallest_p_value(plan.replicates):.3g}. Holm's correction keeps the chance of one false "
        "claim or more below 5%."
    )
    errors = [c.text_standard_error for c in certificate.comparisons if c.text_standard_error]
    text = f"All were measured on the same {certificate.heldout_batches} held-out batches."
    if errors:
        text += f" Other text moves a difference by a standard error of at most {max(errors):.4f}."
    return (length, seeds, tests, text, *_evolution(certificate), *certificate.notes)


def _evolution(certificate: Certificate) -> tuple[str, ...]:
    """Say what the search added to its first generation, outside the corrected tests."""
    by_name = {arm.name: arm.bits_per_byte for arm in certificate.arms}
    if not {"winner", "first"} <= by_name.keys():
        return ()
    there = [
        a - b
        for a, b in zip(by_name["winner"], by_name["first"], strict=True)
        if a is not None and b is not None
    ]
    if len(there) < 2:
        return ()
    added = mean_difference(there)
    told = (
        f"Beside the best genome of the first generation the winner's has {added.mean:+.4f} bits "
        f"per byte, {added.confidence:.0%} interval {added.low:+.4f} to {added.high:+.4f}, better "
        f"in {sum(d < 0 for d in there)} of {len(there)} seeds: what evolution added. This is not "
        "among the corrected tests."
    )
    return (told,)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
