"""Where a local cluster keeps its files."""

import tempfile
from pathlib import Path

import pytest

from orchestrator.adapters.environment import RAY_BELOW, _scratch


@pytest.mark.parametrize(
    ("length", "is_short"), [(107 - RAY_BELOW, True), (108 - RAY_BELOW, False)]
)
def test_sockets_fit_whatever_the_temporary_directory(monkeypatch, length, is_short):
    base = Path(tempfile.mkdtemp(dir="/tmp", prefix="m"))
    wanted = Path(f"/tmp/{'m' * (length - len('/tmp/'))}")
    base.rename(wanted)
    monkeypatch.setattr(tempfile, "tempdir", str(wanted))
    made = _scratch()
    try:
        assert made.is_dir()
        assert (made.parent == wanted) is is_short
        assert len(str(made.parent)) <= 107 - RAY_BELOW
    finally:
        made.rmdir()
        wanted.rmdir()
