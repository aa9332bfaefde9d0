"""A store keeps whole objects, waits out bad weather, and says at once what cannot heal."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UserError
from orchestrator.storage import patience
from orchestrator.storage.patience import (
    PATIENCE_VARIABLE,
    is_hopeless,
    patience_seconds,
    patiently,
)
from orchestrator.storage.place import Place, is_remote
from orchestrator.storage.store import Store


def test_a_folder_gives_back_what_was_put(folder):
    assert folder.entries() == ()
    assert folder.folders() == ()
    folder.write("b", [b"one", memoryview(b"two")])
    folder.write("a", [])
    (folder / "below" / "deep").write("c", [b"x" * 9_000_000])
    assert bytes(folder.read("b")) == b"onetwo"
    assert [(entry.name, entry.num_bytes) for entry in folder.entries()] == [("a", 0), ("b", 6)]
    assert folder.folders() == ("below",)
    assert len((folder / "below" / "deep").read("c")) == 9_000_000
    folder.write("b", [b"three"])
    assert bytes(folder.read("b")) == b"three"
    with pytest.raises(FileNotFoundError):
        folder.read("z")
    folder.delete("a", "b", "z")
    folder.delete("a")
    assert folder.entries() == ()
    folder.drop("below", "never")
    assert (folder / "below" / "deep").entries() == ()
    again = pickle.loads(pickle.dumps(folder))
    again.write("b", [b"four"])
    assert bytes(folder.read("b")) == b"four"


def test_a_store_waits_until_503_is_over_and_says_so_once(weather, caplog, monkeypatch):
    server, uri = weather
    store = Store.open(uri("runs"), where="test")
    store.write("a", [b"before"])
    sleeps = []

    def sleep(seconds):
        sleeps.append(seconds)
        server.is_bad = False

    monkeypatch.setattr(patience.time, "sleep", sleep)
    for act in (
        lambda: store.write("b", [b"during"]),
        lambda: store.read("a"),
        store.entries,
        lambda: store.delete("a"),
    ):
        server.is_bad = True
        sleeps.clear()
        caplog.clear()
        act()
        assert len(sleeps) == 1
        assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
        assert "does not answer as it should" in caplog.records[0].message
        assert "answers again" in caplog.records[1].message
    assert [entry.name for entry in store.entries()] == ["b"]


def test_patience_ends(weather, monkeypatch):
    server, uri = weather
    monkeypatch.setenv(PATIENCE_VARIABLE, "0")
    store = Store.open(uri("runs"), where="test")
    store.write("a", [b"1"])
    server.is_bad = True
    with pytest.raises(UserError, match="the store answers within 0 s") as error:
        store.write("a", [b"2"])
    assert "masga resume" in error.value.remedy
    server.is_bad = False
    assert bytes(store.read("a")) == b"1"


def test_what_cannot_heal_is_told_at_once(s3_uri, monkeypatch):
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: pytest.fail("it waits"))
    there = Store.open(s3_uri("runs"), where="test")
    nowhere = Store(Place.parse(str(there.at).replace(there.at.bucket, "nowhere"), where="x"), 60.0)
    with pytest.raises(UserError, match="NO_SUCH_BUCKET"):
        nowhere.write("a", [b"1"])
    for uri, told in (
        ("nonsense://bucket/runs", "Unrecognized filesystem"),
        ("s3://bucket/runs?region=x&colour=red", "colour"),
    ):
        with pytest.raises(UserError, match=told):
            Store.open(uri, where="test").entries()


@pytest.mark.parametrize(
    ("text", "hopeless"),
    [
        ("AWS Error ACCESS_DENIED during PutObject operation: Access Denied", True),
        ("AWS Error INVALID_ACCESS_KEY_ID during GetObject operation", True),
        (
            "AWS Error UNKNOWN (HTTP status 403) during HeadObject operation: No response body.",
            True,
        ),
        ("google::cloud::Status(PERMISSION_DENIED: no)", True),
        ("AWS Error SLOW_DOWN during PutObject operation: Reduce your request rate.", False),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation", False),
        ("AWS Error UNKNOWN (HTTP status 429) during HeadObject operation", False),
        ("AWS Error NETWORK_CONNECTION during PutObject operation: curlCode: 7", False),
        ("AWS Error INTERNAL_FAILURE during PutObject operation", False),
        ("AWS Error REQUEST_TIMEOUT during PutObject operation", False),
    ],
)
def test_what_passes_is_told_from_what_stays(text, hopeless):
    assert is_hopeless(OSError(text)) is hopeless


def test_pauses_grow_to_a_bound_and_end_with_patience(monkeypatch):
    now = [0.0]
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(patience.time, "sleep", sleep)
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])

    def act():
        raise OSError("AWS Error SLOW_DOWN during PutObject operation")

    with pytest.raises(UserError, match="within 300 s"):
        patiently(act, store="s3://pauses", where="s3://pauses/a", seconds=300.0)
    assert 250 < sum(pauses) <= 300
    assert max(pauses) <= 20
    assert 15 < len(pauses) < 40


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_patience_is_a_number_of_seconds(monkeypatch, text):
    monkeypatch.setenv(PATIENCE_VARIABLE, text)
    with pytest.raises(UserError, match="number of seconds"):
        patience_seconds()


@pytest.mark.parametrize(
    "uri",
    [
        "s3://me:hunter2@bucket/runs",
        "s3://hunter2@bucket/runs",
        "s3://bucket/runs?secret_key=hunter2",
        "abfs://container@account.dfs.core.windows.net/runs?account_key=hunter2",
        "gs://bucket/runs?access_token=hunter2",
    ],
)
def test_credentials_in_a_uri_are_refused_and_not_repeated(uri):
    with pytest.raises(UserError, match="it carries") as error:
        Place.parse(uri, where="output")
    assert "hunter2" not in str(error.value)
    assert "AWS_ACCESS_KEY_ID" in error.value.remedy


NAMES = st.text(
    st.characters(codec="utf-8", categories=["L", "N"], include_characters="-_. "), min_size=1
)


@given(st.lists(NAMES.filter(lambda name: name.strip(". ") != ""), min_size=1, max_size=4))
def test_a_place_is_what_its_uri_says(parts):
    made = Place(scheme="s3", bucket="b", path="/".join(parts), query="region=x")
    assert Place.parse(str(made), where="test") == made
    assert made.parent / made.name == made
    assert is_remote(str(made))
