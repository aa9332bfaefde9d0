"""What a command costs: wall time, and the processor time of every process that it starts.

python benchmarks/processes.py masga search RUN.yaml --output DIR
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A process as it was when last looked at; the last tenth of a second is missed."""

    title: str
    processor_seconds: float


def measure(command: list[str]) -> tuple[int, float, dict[tuple[int, float], _Seen]]:
    """Run a command; return its exit code, its seconds, and its processes by number and birth."""
    began = time.monotonic()
    seen: dict[tuple[int, float], _Seen] = {}
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        for each in (process, *process.children(recursive=True)):
            try:
                times = each.cpu_times()
                title = " ".join(each.cmdline())
                seen[each.pid, each.create_time()] = _Seen(
                    title=title, processor_seconds=times.user + times.system
                )
            except psutil.Error:  # it has just ended
                continue
        time.sleep(_SAMPLE_SECONDS)
    return process.returncode, time.monotonic() - began, seen


def main() -> int:
    """Measure the command line's command."""
    if len(sys.argv) == 1:
        print(__doc__)
        return 2
    code, seconds, seen = measure(sys.argv[1:])
    for found in sorted(seen.values(), key=lambda s: -s.processor_seconds):
        print(f"{found.processor_seconds:7.1f} s  {found.title[:100]}")
    total = sum(found.processor_seconds for found in seen.values())
    print(f"{len(seen)} processes, {total:.1f} s of processors, {seconds:.1f} s of wall time")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
