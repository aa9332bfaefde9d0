"""Where a local cluster keeps its files."""

from pathlib import Path

import pytest

from orchestrator.adapters.environment import _scratch_parent


@pytest.mark.parametrize(
    ("temporary", "parent"),
    [("/tmp", "/tmp"), ("/var/tmp", "/var/tmp"), ("/scratch/of/a/long/name", "/tmp"), ("/" + "é" * 9, "/tmp")],
)  # fmt: skip
def test_sockets_fit_whatever_the_temporary_directory(temporary, parent):
    assert _scratch_parent(Path(temporary)) == Path(parent)
