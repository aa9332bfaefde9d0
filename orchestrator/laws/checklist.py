"""What a reported fit must say (checklist of '(Mis)Fitting': Li et al. 2025, arXiv:2502.18969)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.table import Data

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """The facts without which a fitted scaling law cannot be checked by others."""

    form: str
    paper: str
    loss: str
    residual: str
    optimizer: str
    starts: str
    points: int
    source: str
    filtering: str
    units: str
    size_convention: str
    flops_convention: str
    clusters: str

    def lines(self) -> list[str]:
        """One line an item, for people."""
        return [f"{name.replace('_', ' ')}: {value}" for name, value in asdict(self).items()]


def checklist(
    fitted: Fit,
    data: Data,
    *,
    size_convention: str = NOT_STATED,
    flops_convention: str = NOT_STATED,
    clusters: str = "each row is a run of its own",
) -> Checklist:
    """Fill in the list from a fit and its data; conventions are the caller's to state."""
    law = fitted.law
    columns = (*law.inputs, law.output)
    kind = "log prediction - log value" if law.residual == "log" else "prediction - value"
    return Checklist(
        form=law.formula,
        paper=law.paper,
        loss=fitted.loss.describe(),
        residual=kind,
        optimizer=(
            "batched Levenberg-Marquardt on the sum of squares, then on the loss (Newton at the "
            "end); linear parameters start by variable projection; analytic derivatives"
        ),
        starts=f"{fitted.starts}, of which {fitted.agreement:.1%} agree on the best objective",
        points=fitted.num_points,
        source=data.table.source,
        filtering="; ".join(data.table.filters) or "none",
        units=", ".join(f"{c.name} in {c.unit}" for c in columns),
        size_convention=size_convention,
        flops_convention=flops_convention,
        clusters=clusters,
    )
