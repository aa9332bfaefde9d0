"""Damage done to what is well-formed: to JSON values by their structure, to bytes by their place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fuzz.choices import Choices

DEPTH = 20_000
"""Of nested lists and mappings: far beyond Python's recursion limit."""
_WRITTEN = {
    "@digits@": b"9" * 5000,
    "@lists@": b"[" * DEPTH + b"]" * DEPTH,
    "@objects@": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "@nan@": b"NaN",
    "@infinity@": b"-Infinity",
    "@large@": b"1e999",
    "@half@": b'"\\ud800"',
    "@escape@": b'"\\u001b[31m\\u0000\\u202e"',
}
"""What `json` does not write, and by what it is put in its place."""
_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 255, 65_536, 2**31, 2**63 - 1, 2**63, 2**64, 10**18, -(10**30),
    0.0, -0.5, 1e-320, 1e308, 3.0, "", "a", "0", "null", "../../../etc/passwd", "/dev/zero", "~", "*",
    "$(id)", "<script>alert(1)</script>", "x" * 5000, "é", "a\nb", "a:b", "os:system", "..", ".", "/",
    *_WRITTEN,
)  # fmt: skip
_BYTES = (
    b"", b"\x00", b"\xff", b"\xff" * 8, b"\x00" * 16, b"\n", b'"', b"{", b"}", b"[" * 3000, b"]", b",", b":",
    b"1e999", b"9" * 5000, b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b"PAR1", b"ARROW1\x00\x00",
    (10**18).to_bytes(8, "little"), (2**31 - 1).to_bytes(4, "little"), (2**32 - 1).to_bytes(4, "little"),
)  # fmt: skip


def json_bytes(value: Any) -> bytes:
    """Return JSON, with what only the other side would write."""
    text = json.dumps(value).encode()
    for placeholder, written in _WRITTEN.items():
        text = text.replace(b'"' + placeholder.encode() + b'"', written)
    return text


def damaged_json(value: Any, choices: Choices) -> Any:
    """Return a copy of a JSON value with up to four changes somewhere inside."""
    copy = json.loads(json.dumps(value))
    for _ in range(1 + choices.below(4)):
        copy = _change(copy, choices)
    return copy


def damaged_bytes(data: bytes, choices: Choices, *, most: int = 4) -> bytes:
    """Return a copy of bytes with up to `most` changes somewhere inside."""
    for _ in range(1 + choices.below(most)):
        at = choices.below(len(data) + 1)
        span = choices.below(1 + min(len(data) - at, 64))
        match choices.below(6):
            case 0 if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 << choices.below(8))]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + span :]
            case 2:
                data = data[:at] + data[at : at + span] * 2 + data[at + span :]
            case 3:
                data = data[:at]
            case 4 if at < len(data):
                data = data[:at] + bytes([choices.below(256)]) + data[at + 1 :]
            case _:
                piece = choices.of(_BYTES)
                data = data[:at] + piece + data[at + (0 if choices.below(2) else len(piece)) :]
    return data


def _change(value: Any, choices: Choices) -> Any:
    """Change something in a value; go further inside most of the time."""
    inside = isinstance(value, dict | list) and len(value) > 0
    if not inside or choices.below(8) == 0:
        return _instead(value, choices)
    keys = sorted(value) if isinstance(value, dict) else list(range(len(value)))
    key = choices.of(keys)
    match choices.below(12):
        case 0:
            del value[key]
        case 1 if isinstance(value, dict):
            value[choices.of((f"{key}s", "", "é", "__class__", "__metadata__", "/"))] = value[key]
        case 1:
            value.extend(list(value) * 3)
        case 2:
            value[key] = value[choices.of(keys)]
        case _:
            value[key] = _change(value[key], choices)
    return value


def _instead(value: Any, choices: Choices) -> Any:
    match choices.below(5):
        case 0 if isinstance(value, int | float) and not isinstance(value, bool):
            return value + choices.of((1, -1))
        case 1 if isinstance(value, int | float) and not isinstance(value, bool):
            return value * choices.of((-1, 0, 2, 1000, 0.5))
        case 0 if isinstance(value, str):
            return value[: choices.below(len(value) + 1)] + str(choices.of(_SCALARS))
        case 2:
            return [value] * (1 + choices.below(3))
        case 3:
            return {"a": value}
        case _:
            return choices.of(_SCALARS)
