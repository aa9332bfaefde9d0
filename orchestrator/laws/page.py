"""One page about a fit: parameters, warnings, figures and what the record must say."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.report import page as parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from orchestrator.laws.checklist import Checklist
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.table import Data

CAPTIONS = {
    "curve": "Runs and law along the first input, with the 95 % interval of the law; both axes "
    "logarithmic where the law's residuals are.",
    "residuals": "What the law leaves over, against what it predicts; a trend is a wrong form.",
    "isoflop": "Runs of equal FLOPs, the parabola of each group, and its minimum.",
    "contour": "Lines of equal predicted loss, the runs, and the optimal sizes of each method.",
}


def page(
    fitted: Fit,
    drawn: Bootstrap | None,
    data: Data,
    listed: Checklist,
    drawings: dict[str, Figure],
    *,
    told: str,
) -> str:
    """Make the page; `told` is what the command printed. Nothing is loaded from elsewhere."""
    law = fitted.law
    doubts = [*data.warnings, *fitted.identifiability.warnings]
    sections = [
        parts.Section(
            anchor="parameters",
            heading="Parameters",
            body=_parameters(fitted, drawn)
            + "".join(parts.paragraph(doubt, kind="bad") for doubt in doubts),
        ),
        *(
            parts.Section(
                anchor=name,
                heading=name.capitalize() if name != "isoflop" else "IsoFLOP",
                body=parts.figure(
                    figure, description=f"{name} of {law.name}", caption=CAPTIONS[name]
                ),
            )
            for name, figure in drawings.items()
        ),
        parts.Section(anchor="printed", heading="What was printed", body=parts.code(told)),
        parts.Section(
            anchor="record",
            heading="For the record",
            body=parts.table(
                ("item", "value"),
                [(name.replace("_", " "), value) for name, value in asdict(listed).items()],
            ),
        ),
    ]
    return parts.page(
        title=f"{law.name}: {data.table.source}", subtitle=law.formula, sections=sections
    )


def _parameters(fitted: Fit, drawn: Bootstrap | None) -> str:
    intervals = drawn.bca() if drawn else fitted.interval()
    errors = drawn.standard_errors if drawn else fitted.standard_errors
    kind = f"BCa of {len(drawn.theta)} resamples" if drawn else "from the curvature"
    return parts.table(
        ("parameter", "value", "standard error", "95 % from", "to", "unit"),
        [
            (
                p.name,
                f"{fitted.parameters[p.name]:.6g}",
                f"{errors[p.name]:.4g}",
                f"{intervals[p.name][0]:.5g}",
                f"{intervals[p.name][1]:.5g}",
                p.unit,
            )
            for p in fitted.law.parameters
        ],
        caption=f"intervals: {kind}",
    )
