"""What a record made of a file's values may be."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.record_schema import maker
from search_spaces.fitting import require_fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    count: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    number: int
    real: float | None
    name: str
    known: bool
    kind: Literal["one", "two"]
    inner: Inner
    values: tuple[float, ...]
    pair: tuple[int, int] | None = None
    json: dict[str, Any] | None = None
    anything: Any = field(default=None)


WHOLE = {
    "number": 3, "real": 0.5, "name": "n", "known": True, "kind": "two",
    "inner": {"count": 2, "share": 0.25}, "values": [0.5, 1.5], "pair": [1, 2],
    "json": {"a": [1]}, "anything": "x",
}  # fmt: skip
make = maker(Record)


def test_a_record_is_made_of_what_json_gives():
    made = make(WHOLE)
    assert made == Record(
        number=3, real=0.5, name="n", known=True, kind="two", inner=Inner(count=2, share=0.25),
        values=(0.5, 1.5), pair=(1, 2), json={"a": [1]}, anything="x",
    )  # fmt: skip
    assert made.json is WHOLE["json"]
    left_out = {"pair", "json", "anything"}
    assert make({k: v for k, v in WHOLE.items() if k not in left_out}).pair is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 1.0), ("number", True), ("number", "1"), ("number", 1 << 63), ("number", None),
        ("number", -(1 << 63)), ("real", "0.5"), ("real", float("nan")), ("real", float("inf")),
        ("real", True), ("name", 1), ("name", None), ("known", 1), ("known", "true"),
        ("kind", "three"), ("kind", ["one"]), ("inner", None), ("inner", {"count": 0.5}),
        ("inner", {"more": 1}), ("values", None), ("values", [None]), ("values", ["1.0"]),
        ("values", "12"), ("values", [float("nan")]), ("pair", [1]), ("pair", [1, 2, 3]),
        ("pair", [1, 2.0]), ("json", []), ("json", "{}"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}.*(does not fit|is not one of them|is missing)"):
        make({**WHOLE, name: value})


def test_fields_that_are_missing_or_strange_are_named():
    with pytest.raises(ValueError, match="`number` is missing"):
        make({k: v for k, v in WHOLE.items() if k != "number"})
    with pytest.raises(ValueError, match="`strange` is not one of them"):
        make({**WHOLE, "strange": 1})


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), 1 << 64)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["one", "two"])
)
LISTS = st.lists(SCALARS, max_size=3)


@given(changes=st.dictionaries(st.sampled_from(sorted(WHOLE)), SCALARS | LISTS, max_size=3))
def test_what_is_made_fits_as_files_read_without_pydantic_must(changes):
    """The two readers agree: what one takes the other takes, and as the same value."""
    values = {**WHOLE, **changes}
    plain = {
        name: tuple(value) if name in {"values", "pair"} and isinstance(value, list) else value
        for name, value in values.items()
    }
    inner = plain["inner"]
    try:
        plain["inner"] = Inner(**inner) if isinstance(inner, dict) else inner
        expected = Record(**plain)
        require_fit(expected)
    except ValueError:
        with pytest.raises(ValueError, match="`"):
            make(values)
    else:
        assert make(values) == expected


def test_an_annotation_that_no_record_has_is_refused():
    @dataclass
    class Odd:
        values: set[int]

    with pytest.raises(TypeError, match="set"):
        maker(Odd)
