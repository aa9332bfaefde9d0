"""The figures of a record: who came from whom, losses, and genes over generations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.drawing import INK, MUTED, SERIES, new_figure
from orchestrator.story.segments import segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.story.segments import Segment, SegmentKey
    from orchestrator.story.telling import Story

    Line = Sequence[tuple[float, float]]

_HALF = 0.35
"""Of a generation's width: what is drawn of it on each side of its middle."""


def lineage_figure(story: Story) -> Figure:
    """Draw each segment as a bar along its generations, and a line from its donor to it."""
    found = segments(story)
    members = 1 + max((segment.key.member for segment in found), default=0)
    figure, axes = new_figure(width=9.0, height=min(24.0, 0.32 * members + 1.4))
    ancestors = _ancestors(story, found)
    bars = {s.key: _bar(s, s.last_generation) for s in found}
    baseline = [bars[s.key] for s in found if s.decision == "baseline"]
    _lines(axes, list(bars.values()), color=SERIES[0], linewidth=2.0)
    _lines(axes, baseline, color=INK, linewidth=2.0)
    best = [_bar(s, ancestors[s.key]) for s in found if s.key in ancestors]
    _lines(axes, best, color=SERIES[1], linewidth=3.5)
    for is_ancestor, colour, width in ((False, MUTED, 0.8), (True, SERIES[1], 1.4)):
        drawn = [s for s in found if (s.key in ancestors) == is_ancestor]
        links = [link for s in drawn if (link := _link(story, s)) is not None]
        _lines(axes, links, color=colour, linewidth=width)
    failed = [s for s in found if any(report.failure is not None for report in s.reports)]
    axes.scatter(
        [s.last_generation + _HALF for s in failed],
        [s.key.member for s in failed],
        marker="x",
        color=INK,
        zorder=4,
    )
    axes.set_xlabel("generation")
    axes.set_ylabel("member")
    axes.set_title(
        "Segments of members' lives. Orange: how the best one came to be; x: failed; "
        "black: the default genome"
    )
    axes.autoscale_view()
    axes.invert_yaxis()
    axes.locator_params(integer=True)
    return figure


def _bar(segment: Segment, last_generation: int) -> Line:
    member = segment.key.member
    return [(segment.first_generation - _HALF, member), (last_generation + _HALF, member)]


def _link(story: Story, segment: Segment) -> Line | None:
    """Return the line from the state that a segment adopted to its beginning."""
    source = story.orders[segment.key.member, segment.first_generation].source
    if source is None or segment.donor is None:
        return None
    beginning = (segment.first_generation - _HALF, segment.key.member)
    return [(source[1] + _HALF, source[0]), beginning]


def _lines(axes: Axes, lines: Sequence[Line], **style: object) -> None:
    """Draw many lines as one artist: a search may have some ten thousand."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - half a second

    axes.add_collection(LineCollection(lines, capstyle="butt", zorder=3, **style))


def _ancestors(story: Story, found: tuple[Segment, ...]) -> dict[SegmentKey, int]:
    """Return the segments that led to the winner, or to the best member so far.

    With each: the last of its generations whose state is on that way.
    """
    by_key = {segment.key: segment for segment in found}
    best = [closing.best_member for closing in story.closings]
    winner = best[-1] if best else None
    if story.finished is not None:
        winner = story.finished.winner
    key = max((s.key for s in found if s.key.member == winner), default=None)
    way: dict[SegmentKey, int] = {}
    until = None if key is None else by_key[key].last_generation
    while key is not None and until is not None:
        way[key] = until
        source = story.orders[key.member, by_key[key].first_generation].source
        until, key = None if source is None else source[1], by_key[key].donor
    return way


def loss_figure(story: Story) -> Figure:
    """Draw the loss of every segment over the tokens of its lineage."""
    figure, axes = new_figure()
    found = segments(story)
    ancestors = _ancestors(story, found)
    groups: tuple[tuple[str, str, float, list[Line]], ...] = (
        (SERIES[0], "-", 0.8, []), (SERIES[1], "-", 2.0, []), (INK, "--", 1.6, []),
    )  # fmt: skip
    for segment in found:
        until = ancestors.get(segment.key, -1)
        judged = [
            (float(r.ledger.tokens), r.nats_per_token, r.generation)
            for r in segment.reports
            if r.nats_per_token is not None
        ]
        whole = [(tokens, loss) for tokens, loss, _ in judged]
        best = [(tokens, loss) for tokens, loss, generation in judged if generation <= until]
        groups[2 if segment.decision == "baseline" else 0][-1].extend([whole] if whole else [])
        groups[1][-1].extend([best] if best else [])
    for colour, linestyle, width, lines in groups:
        _lines(axes, lines, color=colour, linestyle=linestyle, linewidth=width)
        ends = [line[-1] for line in lines]
        axes.scatter([x for x, _ in ends], [y for _, y in ends], s=6, color=colour, zorder=3)
    axes.autoscale_view()
    axes.set_xlabel("tokens along the lineage")
    axes.set_ylabel("selection loss, nats per token")
    axes.set_title("Loss. Orange: how the best one came to be; dashed: the default genome")
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
