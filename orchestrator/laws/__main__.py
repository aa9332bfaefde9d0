"""`python -m orchestrator.laws`: the command `masga laws` on its own."""

from __future__ import annotations

import argparse
import sys

from orchestrator.laws.commands import add_commands, run


def main() -> int:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.laws")
    add_commands(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
