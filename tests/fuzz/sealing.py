"""Checksums made over whatever was changed, as whoever wants to do harm would make them.

So that a reader with checksums gets most of its damage below them.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from tests.fuzz.mutation import json_bytes


def sealed_log(records: Any) -> bytes:
    """Return the lines of an event log, each with its sum."""
    checksum, lines = 0, b""
    for record in records if isinstance(records, list) else [records]:
        body = json_bytes(record).replace(b"\n", b"")
        checksum = zlib.crc32(body, checksum)
        lines += body[:-1] + b',"sum":"%08x"}\n' % checksum
    return lines


def sealed_state(document: Any) -> bytes:
    """Return the JSON of a checkpoint."""
    return _sealed(document, key="sha256", text=_canonical(document, ascii_only=True))


def sealed_manifest(body: Any) -> bytes:
    """Return the JSON of a corpus."""
    return _sealed(body, key="checksum", text=_canonical(body, ascii_only=False))


def _canonical(document: Any, *, ascii_only: bool) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only)


def _sealed(document: Any, *, key: str, text: str) -> bytes:
    if isinstance(document, dict):
        checksum = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        document = {key: checksum, **document}
    return json_bytes(document)
