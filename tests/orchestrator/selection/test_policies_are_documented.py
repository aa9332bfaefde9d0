"""The page on selection and proposers names what a run file may say, with its defaults."""

import inspect
from pathlib import Path

import pytest

from orchestrator.proposers import PROPOSERS
from orchestrator.selection import POLICIES

PAGE = Path(__file__).parents[3] / "docs" / "selection.md"


@pytest.mark.parametrize("name", [*POLICIES, *PROPOSERS])
def test_a_row_names_every_parameter_and_its_default(name):
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    made = POLICIES.get(name) or PROPOSERS[name]
    cell = row.split("|")[3]
    named = [p for p in inspect.signature(made).parameters.values() if p.kind == p.KEYWORD_ONLY]
    assert cell.count("`") == 2 * len(named)
    for parameter in named:
        said = cell.split(f"`{parameter.name}`", 1)[1].split("`")[0]
        if parameter.default is not None:
            value = parameter.default
            text = str(list(value) if isinstance(value, tuple) else value)
            assert f"({text.lower() if isinstance(value, bool) else text}" in said
