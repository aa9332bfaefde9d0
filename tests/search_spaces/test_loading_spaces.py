"""A user's own space is a Python file of their own."""

import numpy as np
import pytest

from search_spaces.errors import SpaceNotFound
from search_spaces.gpt.space import GPT
from search_spaces.loading import load_space

OWN = """
from search_spaces.constraints import Rule
from search_spaces.domains import Choice, Integer
from search_spaces.gpt.space import GPT

TINY = GPT.narrowed(d_model=Integer(16, 64, step=8), optimizer=Choice(("adamw",))).with_constraint(
    Rule("wide models are shallow", lambda g: g.architecture.num_layers * g.architecture.d_model < 200)
)
NUMBER = 3
"""


def test_spaces_are_found_by_name_file_and_module(tmp_path):
    assert load_space("gpt") is GPT
    assert load_space("search_spaces.gpt.space:GPT") is GPT
    file = tmp_path / "own.py"
    file.write_text(OWN)
    space = load_space(f"{file}:TINY")
    genome = space.sample(np.random.default_rng(0))
    assert genome.architecture.d_model <= 64
    assert genome.architecture.num_layers * genome.architecture.d_model < 200


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("gtp", "'gpt'"),
        ("gpt:", "'gpt'"),
        ("DIR/missing.py:TINY", "exists"),
        ("DIR/own.py:TINI", "TINY"),
        ("DIR/own.py:NUMBER", "is a int"),
        ("DIR/broken.py:X", "ZeroDivisionError"),
        ("DIR/syntax.py:X", "SyntaxError"),
        ("no_such_module_of_ours:X", "ModuleNotFoundError"),
    ],
)
def test_wrong_references_are_refused_with_a_remedy(tmp_path, reference, says):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "syntax.py").write_text("def\n")
    with pytest.raises(SpaceNotFound) as caught:
        load_space(reference.replace("DIR", str(tmp_path)))
    assert says in str(caught.value)
    assert caught.value.remedy
