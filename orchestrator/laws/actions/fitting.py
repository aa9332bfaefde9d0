"""`masga laws fit` and `predict`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.actions.asked import (
    Reader,
    asked_checklist,
    asked_data,
    asked_fit,
    asked_law,
    pairs,
    require_resamples,
)
from orchestrator.laws.actions.writing import write_figures
from orchestrator.laws.planning.ladder import predict_at

if TYPE_CHECKING:
    import argparse


def run_fit(arguments: argparse.Namespace, reader: Reader) -> str:
    """Fit a law and say how far to trust it; text or JSON."""
    law = asked_law(arguments)
    law, table, data = asked_data(arguments, law, reader)
    fitted, drawn = asked_fit(arguments, law, table, data)
    listed = asked_checklist(arguments, fitted, data)
    text = rendering.fit_text(fitted, drawn, data, listed)
    if arguments.figures or arguments.html:
        write_figures(
            arguments, fitted=fitted, drawn=drawn, data=data, listed=listed, plans=[], told=text
        )
    if arguments.json:
        return json.dumps(rendering.fit_document(fitted, drawn, data, listed), indent=2)
    return text


def run_predict(arguments: argparse.Namespace, reader: Reader) -> str:
    """Fit a law and predict at new inputs."""
    law = asked_law(arguments)
    law, table, data = asked_data(arguments, law, reader)
    places = [pairs(text, "--at") for text in arguments.at]
    for place in places:
        if set(place) != set(law.input_names):
            raise UserError(
                where="--at",
                law=f"law {law.name} reads {', '.join(law.input_names)}",
                found=", ".join(place) or "nothing",
                remedy=f"Give each: --at {','.join(f'{name}=...' for name in law.input_names)}.",
            )
    require_resamples(arguments.bootstrap, what="a prediction")
    fitted, drawn = asked_fit(arguments, law, table, data)
    assert drawn is not None
    inputs = tuple(np.array([place[name] for place in places]) for name in law.input_names)
    prediction = predict_at(
        drawn, inputs, residuals=fitted.residuals, rng=np.random.default_rng(arguments.seed + 1)
    )
    if arguments.json:
        return json.dumps(rendering.prediction_document(law, places, prediction), indent=2)
    return rendering.prediction_text(law, places, prediction, fitted)
