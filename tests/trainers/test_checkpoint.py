"""Checkpoints are whole or refused: altered, cut, missing, on a full disk, stopped half-way."""

import errno
import json
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from trainers.checkpoint import CheckpointDamaged, read_checkpoint, write_checkpoint
from trainers.folder import LocalFolder
from trainers.serialisation import deserialise, serialise, state_from_bytes, state_to_bytes


@pytest.fixture
def state(make_member):
    member = make_member(position="alibi")
    member.train(16 * 16)
    return member.state(copy=True)


def assert_equal(one, two):
    assert one.tensors.keys() == two.tensors.keys()
    assert all(torch.equal(t, two.tensors[n]) for n, t in one.tensors.items())
    assert one.architecture == two.architecture
    assert one.protocol == two.protocol
    assert one.head_utility_error == two.head_utility_error


def files(directory):
    return {p.name: p.read_bytes() for p in directory.iterdir()}


def test_round_trip_with_extra(state, tmp_path):
    write_checkpoint(tmp_path / "new" / "0", state, {"generation": 3, "name": "ä"})
    found, extra = read_checkpoint(tmp_path / "new" / "0")
    assert_equal(state, found)
    assert extra == {"generation": 3, "name": "ä"}


def test_replacing_leaves_the_new_one_only(state, tmp_path):
    write_checkpoint(tmp_path, state, {"n": 1})
    state.tensors["model.final_norm.weight"] += 1.0
    (tmp_path / ".tensors-0.safetensors.dead").write_bytes(b"left by a killed writer")
    write_checkpoint(tmp_path, state, {"n": 2})
    assert len(files(tmp_path)) == 2
    found, extra = read_checkpoint(tmp_path)
    assert extra == {"n": 2}
    assert_equal(state, found)


@pytest.mark.parametrize("moment", [1, 2, 3, 4])
def test_two_writers_of_one_state_do_not_disturb_each_other(state, tmp_path, monkeypatch, moment):
    flush, flushes = os.fsync, 0

    def other_writes_meanwhile(descriptor):
        nonlocal flushes
        flushes += 1
        if flushes == moment:  # of: tensors, their directory, state.json, its directory
            write_checkpoint(tmp_path, state, {"writer": 2})
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", other_writes_meanwhile)
    write_checkpoint(tmp_path, state, {"writer": 1})
    found, extra = read_checkpoint(tmp_path)
    assert_equal(state, found)
    assert extra == {"writer": 1 if moment < 4 else 2}  # the last to put its own in place
    assert len(files(tmp_path)) == 2


@pytest.fixture(params=["directory", "s3"])
def folder(request, tmp_path):
    if request.param == "directory":
        return LocalFolder(tmp_path / "member")
    from orchestrator.storage.store import Store

    return Store.open(request.getfixturevalue("s3_uri")("member"), where="test")


def test_a_checkpoint_in_any_folder_is_replaced_whole(state, folder, monkeypatch):
    write_checkpoint(folder, state, {"n": 1})
    first = {entry.name for entry in folder.entries()}
    state.tensors["model.final_norm.weight"] += 1.0
    kind, real = type(folder), type(folder).write

    def killed(at, name, pieces):
        if name == "state.json":
            raise KeyboardInterrupt
        real(at, name, pieces)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            write_checkpoint(folder, state, {"n": 2})
    assert read_checkpoint(folder)[1] == {"n": 1}
    write_checkpoint(folder, state, {"n": 2})
    found, extra = read_checkpoint(folder)
    assert extra == {"n": 2}
    assert_equal(state, found)
    found.tensors["model.final_norm.weight"] += 1.0  # what is read may be changed
    assert len(folder.entries()) == 2
    assert {entry.name for entry in folder.entries()} & first == {"state.json"}
    (tensors,) = (e.name for e in folder.entries() if e.name.startswith("tensors"))
    folder.write(tensors, [folder.read(tensors)[:-10]])
    with pytest.raises(CheckpointDamaged, match="sha256") as caught:
        read_checkpoint(folder)
    assert caught.value.file == folder.place(tensors)
    folder.delete("state.json")
    with pytest.raises(CheckpointDamaged, match="missing"):
        read_checkpoint(folder)


@pytest.mark.parametrize("which", ["state.json", "tensors"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove"])
def test_damage_is_named(state, tmp_path, which, damage):
    write_checkpoint(tmp_path, state)
    (path,) = (p for p in tmp_path.iterdir() if p.name.startswith(which))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    match damage:
        case "flip":
            path.write_bytes(data)
        case "cut":
            path.write_bytes(data[:-100])
        case "empty":
            path.write_bytes(b"")
        case "remove":
            path.unlink()
    with pytest.raises(CheckpointDamaged, match=r"is damaged: \w+") as caught:
        read_checkpoint(tmp_path)
    assert caught.value.file == path
    assert pickle.loads(pickle.dumps(caught.value)).what == caught.value.what


def test_a_changed_number_is_found(state, tmp_path):
    write_checkpoint(tmp_path, state, {"tokens": 12})
    path = tmp_path / "state.json"
    path.write_text(path.read_text().replace('"tokens": 12', '"tokens": 13'))
    with pytest.raises(CheckpointDamaged, match="sha256"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("at", ["tensors", "state.json"])
def test_full_disk_leaves_the_old_checkpoint(state, tmp_path, monkeypatch, at):
    write_checkpoint(tmp_path, state, {"n": 1})
    before = files(tmp_path)
    state.tensors["model.final_norm.weight"] += 1.0
    fsync = os.fsync

    def full(descriptor):
        if at in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_checkpoint(tmp_path, state, {"n": 2})
    assert caught.value.errno == errno.ENOSPC
    assert str(tmp_path) in str(caught.value)
    assert files(tmp_path) == before
    assert read_checkpoint(tmp_path)[1] == {"n": 1}


def test_unwritable_place_is_an_error_of_its_own(state, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="could not be written"):
        write_checkpoint(tmp_path / "file" / "below", state)


def test_the_safetensors_package_reads_it(state, tmp_path):
    write_checkpoint(tmp_path, state)
    (path,) = tmp_path.glob("*.safetensors")
    found = safetensors.torch.load_file(path)
    assert all(torch.equal(t, found[n]) for n, t in state.tensors.items())


def test_bytes_round_trip_shares_memory(state):
    buffer = bytearray(state_to_bytes(state))
    found = state_from_bytes(buffer)
    assert_equal(state, found)
    name = "model.embedding.weight"
    found.tensors[name][0, 0] = 42.0
    assert float(state_from_bytes(buffer).tensors[name][0, 0]) == 42.0


def test_all_dtypes_and_shapes():
    tensors = {
        "a": torch.tensor(3, dtype=torch.int64),
        "b": torch.randn(3, 5).to(torch.bfloat16),
        "c": torch.randn(4, 6).T,
        "d": torch.tensor([True, False, True]),
        "e": torch.zeros(0, 3),
        "f": torch.randn(2, dtype=torch.float64),
    }
    buffer = b"".join(serialise(tensors, {"k": "v"}))
    found, metadata = deserialise(buffer)
    assert metadata == {"k": "v"}
    by_package = safetensors.torch.load(buffer)
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
        assert torch.equal(by_package[name], tensor)
    with pytest.raises(ValueError, match="complex64"):
        serialise({"z": torch.zeros(1, dtype=torch.complex64)}, {})


@pytest.mark.parametrize("cut", [0, 4, 40, 2000, -1])
def test_cut_bytes_are_refused(state, cut):
    with pytest.raises(ValueError, match="must"):
        state_from_bytes(state_to_bytes(state)[:cut])


def test_unknown_fields_are_refused(state, tmp_path):
    tensors, metadata = deserialise(state_to_bytes(state))
    document = {**json.loads(metadata["state"]), "colour": "red"}
    buffer = b"".join(serialise(tensors, {"state": json.dumps(document)}))
    with pytest.raises(ValueError, match="colour"):
        state_from_bytes(buffer)
