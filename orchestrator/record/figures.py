"""The figures of a record: who came from whom, losses, and genes over generations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.drawing import INK, MUTED, SERIES, new_figure
from orchestrator.story.segments import segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.story.segments import Segment
    from orchestrator.story.telling import Story

    Line = Sequence[tuple[float, float]]


def lineage_figure(story: Story) -> Figure:
    """Draw each segment as a bar along its generations, and a line from its donor to it."""
    found = segments(story)
    members = 1 + max((segment.key.member for segment in found), default=0)
    figure, axes = new_figure(width=9.0, height=min(24.0, 0.32 * members + 1.4))
    ancestors = _ancestors(story, found)
    ends = {segment.key: segment.last_generation for segment in found}
    for is_ancestor, colour, width in ((False, SERIES[0], 2.0), (True, SERIES[1], 3.5)):
        drawn = [segment for segment in found if (segment.key in ancestors) == is_ancestor]
        bars = [
            [(s.first_generation - 0.35, s.key.member), (s.last_generation + 0.35, s.key.member)]
            for s in drawn
        ]
        links = [
            [
                (min(ends[s.donor], s.first_generation - 1) + 0.35, s.donor.member),
                (s.first_generation - 0.35, s.key.member),
            ]
            for s in drawn
            if s.donor is not None
        ]
        _lines(axes, links, color=colour if is_ancestor else MUTED, linewidth=width / 2.5)
        _lines(axes, bars, color=colour, linewidth=width)
    failed = [s for s in found if any(report.failure is not None for report in s.reports)]
    axes.scatter(
        [s.last_generation + 0.35 for s in failed],
        [s.key.member for s in failed],
        marker="x",
        color=INK,
        zorder=4,
    )
    axes.set_xlabel("generation")
    axes.set_ylabel("member")
    axes.set_title("Segments of members' lives. Orange: the best one's ancestors; x: failed")
    axes.autoscale_view()
    axes.invert_yaxis()
    axes.locator_params(integer=True)
    return figure


def _lines(axes: Axes, lines: Sequence[Line], **style: object) -> None:
    """Draw many lines as one artist: a search may have some ten thousand."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - half a second

    axes.add_collection(LineCollection(lines, capstyle="butt", zorder=3, **style))


def _ancestors(story: Story, found: tuple[Segment, ...]) -> set[object]:
    """Return the keys of the segments that led to the winner, or to the best member so far."""
    by_key = {segment.key: segment for segment in found}
    if story.finished is not None and story.finished.winner is not None:
        winner = story.finished.winner
    else:
        closings = [c.best_member for c in story.closings if c.best_member is not None]
        if not closings:
            return set()
        winner = closings[-1]
    key = max((s.key for s in found if s.key.member == winner), default=None)
    keys: set[object] = set()
    while key is not None:
        keys.add(key)
        key = by_key[key].donor
    return keys


def loss_figure(story: Story) -> Figure:
    """Draw the loss of every segment over the tokens of its lineage."""
    figure, axes = new_figure()
    found = segments(story)
    ancestors = _ancestors(story, found)
    groups: tuple[tuple[str, str, float, list[Line]], ...] = (
        (SERIES[0], "-", 0.8, []), (SERIES[1], "-", 2.0, []), (INK, "--", 1.6, []),
    )  # fmt: skip
    for segment in found:
        points = [
            (float(r.ledger.tokens), r.nats_per_token)
            for r in segment.reports
            if r.nats_per_token is not None
        ]
        which = 2 if segment.decision == "baseline" else int(segment.key in ancestors)
        if points:
            groups[which][-1].append(points)
    for colour, linestyle, width, lines in groups:
        _lines(axes, lines, color=colour, linestyle=linestyle, linewidth=width)
        ends = [line[-1] for line in lines]
        axes.scatter([x for x, _ in ends], [y for _, y in ends], s=6, color=colour, zorder=3)
    axes.autoscale_view()
    axes.set_xlabel("tokens along the lineage")
    axes.set_ylabel("selection loss, nats per token")
    axes.set_title("Loss. Orange: the best one's lineage; dashed: the default genome")
    return figure


def protocol_figure(story: Story) -> Figure:
    """Draw the learning rate, the gene of every space that trains, of all members."""
    figure, axes = new_figure()
    points = [
        (generation, order.genome["protocol"]["learning_rate"])
        for (_, generation), order in sorted(story.orders.items())
        if order.decision != "baseline" and "learning_rate" in order.genome.get("protocol", {})
    ]
    axes.scatter([at for at, _ in points], [value for _, value in points], s=14, color=SERIES[0])
    axes.set_yscale("log")
    axes.set_xlabel("generation")
    axes.set_ylabel("learning rate")
    axes.set_title("Learning rates of the members")
    axes.locator_params(axis="x", integer=True)
    return figure
