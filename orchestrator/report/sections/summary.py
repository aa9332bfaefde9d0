"""The answers first: what do I have, how sure is it, what next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.numerals import count, loss
from orchestrator.numerals import gene as as_gene
from orchestrator.report.advice import next_commands, remarks
from orchestrator.report.gene_reading import flat, searched_genes
from orchestrator.report.page import (
    Section,
    bullets,
    code,
    folded,
    heading,
    paragraph,
    table,
)
from orchestrator.report.subject import progress
from orchestrator.story.ancestry import ancestors, leader
from orchestrator.story.comparison import compare

if TYPE_CHECKING:
    from orchestrator.events import JSON, Reported
    from orchestrator.report.subject import Subject
    from orchestrator.story.comparison import Comparison
    from orchestrator.story.telling import Story


def section(subject: Subject) -> Section:
    """Return the section; there is always something to say."""
    parts = [paragraph(subject.damage, kind="notice")] if subject.damage else []
    if subject.state != "finished":
        verb = "is" if subject.state == "running" else "was"
        parts.append(
            paragraph(
                f"This search {verb} {progress(subject)}. What follows is how it stands.",
                kind="notice",
            )
        )
    parts += [heading("What do I have?"), *_have(subject)]
    parts += [heading("How sure is that?"), bullets(_sure(subject))]
    parts += [heading("What next?"), *_next(subject)]
    return Section(anchor="answers", heading="The answers first", body="".join(parts))


def _have(subject: Subject) -> list[str]:
    story = subject.story
    front = leader(story)
    if front is None or front not in story.reports:
        told = (
            "Nothing to use: every member of the last generation failed."
            if subject.state == "finished"
            else "Nothing yet: no member has a fitness."
        )
        return [paragraph(told, kind="lead")]
    report, genome = story.reports[front], story.orders[front].genome
    compared = compare(story)
    parts = [paragraph(_lead(subject, report, compared), kind=_lead_kind(compared))]
    parts.append(paragraph(_described(genome)))
    parts.append(_results(story, report))
    default = next((o.genome for o in story.orders.values() if o.decision == "baseline"), None)
    parts.append(
        folded("Every gene, beside the default genome's", _gene_table(story, genome, default))
    )
    return parts


def _lead(subject: Subject, report: Reported, compared: Comparison | None) -> str:
    winner = subject.story.assessed.get("winner")
    model = (
        f"a model of {count(report.parameters)} parameters (member {report.member}, genome "
        f"{report.digest}), trained on {count(report.ledger.tokens)} tokens"
    )
    if compared is not None:
        share = abs(compared.difference) / compared.baseline
        if not compared.is_clear:
            return (
                f"You have {model}. On held-out text it needs {compared.winner:.4f} bits per byte; "
                f"the default genome of its size, trained with as many tokens, needs "
                f"{compared.baseline:.4f}. That is no clear difference."
            )
        side = "less" if compared.difference < 0 else "MORE"
        return (
            f"You have {model}. On held-out text it needs {compared.winner:.4f} bits per byte: "
            f"{share:.1%} {side} than the default genome of its size, trained with as many tokens "
            f"({compared.baseline:.4f})."
        )
    if winner is not None:
        return (
            f"You have {model}. On held-out text it needs {winner.bits_per_byte:.4f} bits per byte."
        )
    selected = "" if report.bits_per_byte is None else f", {report.bits_per_byte:.4f} bits per byte"
    return (
        f"The best so far is {model}. Its loss on the selection split is "
        f"{loss(report.nats_per_token)} nats per token{selected}."
    )


def _lead_kind(compared: Comparison | None) -> str:
    worse = compared is not None and compared.is_clear and compared.difference > 0
    return "lead bad" if worse else "lead"


def _described(genome: dict[str, JSON]) -> str:
    """Tell the main genes of a genome in a sentence; those it does not have are left out."""
    genes = flat(genome)
    words = (
        ("num_layers", "{} layers"),
        ("d_model", "width {}"),
        ("num_heads", "heads {} by layer"),
        ("head_dim", "of width {}"),
        ("d_ff", "feed-forward {}"),
        ("activation", "{}"),
        ("norm", "{} norm"),
        ("position", "{} positions"),
        ("optimizer", "trained by {}"),
        ("learning_rate", "learning rate {}"),
        ("schedule", "{} schedule"),
        ("batch_tokens", "{} tokens a batch"),
    )
    told = [form.format(as_gene(genes[name])) for name, form in words if name in genes]
    return f"Its genome: {', '.join(told)}."


def _results(story: Story, report: Reported) -> str:
    """Return winner and baseline beside each other; empty before the verdict."""
    roles = [
        (name, story.assessed[name]) for name in ("winner", "baseline") if name in story.assessed
    ]
    if not roles:
        return ""
    names = {"winner": "winner", "baseline": "default genome, fitted to this size"}
    return table(
        ("", "bits per byte", "nats per token", "parameters", "tokens", "genome"),
        [
            (
                names[name],
                f"{state.bits_per_byte:.4f}",
                f"{state.nats_per_token:.4f}",
                f"{state.parameters:,}",
                f"{report.ledger.tokens if name == 'winner' else state.tokens:,}",
                state.digest,
            )
            for name, state in roles
        ],
        caption="On held-out text, which nothing was selected on; lower is better",
    )


def _gene_table(story: Story, genome: dict[str, JSON], default: dict[str, JSON] | None) -> str:
    ours, theirs = flat(genome), {} if default is None else flat(default)
    inactive = {account.name for account in searched_genes(story) if not account.is_active(ours)}
    rows, differ = [], []
    for at, (name, value) in enumerate(ours.items()):
        note = " (not active)" if name in inactive else ""
        rows.append((name, as_gene(value) + note, as_gene(theirs[name]) if name in theirs else "-"))
        if name in theirs and theirs[name] != value and name not in inactive:
            differ.append(at)
    return table(
        ("gene", "winner" if story.finished else "leader", "default genome"),
        rows,
        caption="Rows that stand out: genes in which the two differ",
        marked=differ,
    )


def _sure(subject: Subject) -> list[str]:
    story, compared = subject.story, compare(subject.story)
    items = []
    if compared is not None and compared.standard_error is not None:
        error = compared.standard_error
        low, high = compared.difference - 2 * error, compared.difference + 2 * error
        times = abs(compared.difference) / error if error > 0 else float("inf")
        items.append(
            f"Winner minus default genome: {compared.difference:+.4f} bits per byte, standard "
            f"error {error:.4f} over {compared.batches} held-out batches that both saw, so about "
            f"{low:+.4f} to {high:+.4f}. "
            + (
                f"That is {times:.0f} standard errors: not the luck of these batches."
                if compared.is_clear
                else "That range holds zero: these batches cannot tell the two apart."
            )
        )
        items.append(
            "Each of the two was trained once. The standard error covers the choice of held-out "
            "batches, not the luck of seeds"
            + (
                "; retraining both with several seeds (masga certify) does."
                if "certify" in subject.commands
                else ": for that, search again with another seed."
            )
        )
    elif story.finished is not None and story.finished.winner is not None:
        items.append(
            "There is no default genome to compare with: the run file has no baseline, it failed, "
            "or there were too few held-out batches."
        )
    else:
        items.append(
            "Not yet: the comparison on held-out text comes at the end. Losses so far are on the "
            "selection split, and the best of many is always flattered by the choice."
        )
    items += _grown(subject)
    if len(story.latest) > 1 and story.finished is not None and compared is not None:
        items.append(
            f"The winner was chosen among {len(story.latest):,} members by its fitness on the "
            "selection split; the held-out text was looked at once, after the choice."
        )
    failed = sum(report.failure is not None for report in story.reports.values())
    if failed:
        items.append(f"{failed} of {len(story.reports):,} intervals failed; see Failures.")
    if subject.damage:
        items.append("The log is damaged: what came after the damage is not counted.")
    return items


def _grown(subject: Subject) -> list[str]:
    """Say that a winner with a history is more than its last genome."""
    story, front = subject.story, leader(subject.story)
    if front is None or story.finished is None:
        return []
    genomes = len({story.orders[point].digest for point in ancestors(story, front)})
    if genomes < 2:
        return []
    how = " (masga certify tries both)" if "certify" in subject.commands else ""
    told = (
        f"The winner is the outcome of {genomes} genomes, one after another, not of its last one "
        f"alone: a model trained from scratch with that one may end elsewhere{how}."
    )
    return [told]


def _next(subject: Subject) -> list[str]:
    parts = []
    told = remarks(subject)
    if told:
        parts.append(bullets(told))
    for why, command in next_commands(subject):
        parts += [paragraph(why), code(command)]
    return parts
