"""Appending to a log and opening it: a file, a folder of segments, S3's protocol on loopback.

python benchmarks/stored_log.py --appends 2000 --events 200000
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from orchestrator.event_log import EventLog, read_log, to_line
from orchestrator.events import GenerationClosed
from orchestrator.storage.logs import open_mirrored
from orchestrator.storage.restoring import restore
from orchestrator.storage.segments import Piece, Segment, due, segments_of
from orchestrator.storage.store import Store
from trainers.folder import LocalFolder

SERVER = ["-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p"]


def event(number):
    return GenerationClosed(
        generation=number, best_member=0, best_loss=5.4, best_fitness=-5.4, tokens=1, flops=1.0
    )


def appended(log, appends):
    """Return milliseconds of each append."""
    taken = []
    for number in range(appends):
        began = time.perf_counter()
        log.append([event(number)])
        taken.append(1e3 * (time.perf_counter() - began))
    return taken


def filled(folder, events, each):
    """Write a log of so many events, as it lies after appends of so many and all merges."""
    held, checksum, lines, requests = [], 0, [], 0
    contents = {}
    for number in range(events):
        line, checksum = to_line(event(number), number=number, previous_sum=checksum)
        lines.append(line)
        if len(lines) == each or number == events - 1:
            first, content = number + 1 - len(lines), b"".join(lines)
            made = Segment(first=first, stop=number + 1, epoch=1, num_bytes=len(content))
            contents[made] = content
            held.append(Piece(segment=made, first=first, stop=number + 1))
            lines = []
            while (chosen := due(held)) is not None:
                old = held[chosen]
                content = b"".join(contents.pop(piece.segment) for piece in old)
                made = Segment(
                    first=old[0].first, stop=old[-1].stop, epoch=1, num_bytes=len(content)
                )
                contents[made] = content
                held[chosen] = [Piece(segment=made, first=made.first, stop=made.stop)]
                requests += 1 + len(old)
    for made, content in contents.items():
        (folder / "events").write(made.name, [content])
    return len(contents), requests


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--appends", type=int, default=2000)
    parser.add_argument("--events", type=int, default=200_000)
    arguments = parser.parse_args()
    os.environ.update(
        AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nothing", AWS_DEFAULT_REGION="us-east-1"
    )
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, *SERVER, str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(server.wait)
        stack.callback(server.kill)
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("PUT", "/bench", headers={"Authorization": "AWS a:b"})
                connection.getresponse()
                break
            except OSError:
                time.sleep(0.2)
        options = f"?scheme=http&endpoint_override=127.0.0.1:{port}"
        folders = {
            "directory": LocalFolder(scratch / "folder"),
            "S3 on loopback": Store.open(f"s3://bench/runs{options}", where="benchmark"),
        }
        with EventLog(scratch / "plain.jsonl") as log:
            taken = appended(log, arguments.appends)
        print(f"append, plain file: median {statistics.median(taken):.2f} ms")
        for name, folder in folders.items():
            place = scratch / f"copy-{name}"
            place.mkdir()
            with open_mirrored(folder / "log", place / "events.jsonl", root=place) as log:
                taken = appended(log, arguments.appends)
            left = segments_of((folder / "log" / "events").entries())
            print(
                f"append, {name}: median {statistics.median(taken):.2f} ms, "
                f"99 % under {sorted(taken)[int(0.99 * len(taken))]:.2f} ms; "
                f"{len(left)} objects after {arguments.appends} appends"
            )
        for name, folder in folders.items():
            objects, _ = filled(folder / "big", arguments.events, 1)
            place = scratch / f"big-{name}.jsonl"
            began = time.perf_counter()
            restored = restore(folder / "big" / "events", place)
            fetched = time.perf_counter() - began
            began = time.perf_counter()
            restore(folder / "big" / "events", place)
            again = time.perf_counter() - began
            began = time.perf_counter()
            events = read_log(place)[0]
            decoded = time.perf_counter() - began
            assert len(events) == restored.lines == arguments.events
            print(
                f"open {arguments.events} events, {name}: {objects} objects, "
                f"{fetched:.2f} s to fetch and check, {again:.2f} s when the copy has them, "
                f"{decoded:.2f} s to decode (as from a file)"
            )


if __name__ == "__main__":
    main()
