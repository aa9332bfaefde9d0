"""Folders of both kinds, and logs in them."""

import pytest

from orchestrator.storage.logs import open_mirrored
from orchestrator.storage.store import Store
from trainers.folder import LocalFolder


@pytest.fixture(params=["directory", "s3"])
def folder(request, tmp_path):
    """A folder that holds nothing."""
    if request.param == "directory":
        return LocalFolder(tmp_path / "folder")
    return Store.open(request.getfixturevalue("s3_uri")("runs/one"), where="test")


class Writers:
    """Opens the log of a folder, each time as a machine of its own."""

    def __init__(self, folder, directory):
        self.folder, self._directory, self._count = folder, directory, 0

    def machine(self):
        self._count += 1
        directory = self._directory / f"machine-{self._count}"
        directory.mkdir()
        return directory / "events.jsonl"

    def open(self, path=None, **rhythm):
        path = path or self.machine()
        return open_mirrored(self.folder, path, root=path.parent, **rhythm)


@pytest.fixture
def writers(folder, tmp_path):
    return Writers(folder, tmp_path)
