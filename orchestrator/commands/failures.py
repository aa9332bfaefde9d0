"""What a command says and returns when it fails."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path

from orchestrator.console.printable import printable
from orchestrator.credentials import without_secrets
from orchestrator.errors import UserError

_USERS_TO_MEND = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE}
)


def exit_code(error: Exception, *, directory: Path | None = None) -> int:
    """Tell the failure on standard error and return the exit code: 2, or 1 with a traceback file.

    Args:
        error: What ended the command.
        directory: Where to write the traceback; none: the temporary directory.
    """
    if isinstance(error, BrokenPipeError):
        # the reader of our output has gone: nothing to tell, and nowhere to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, UserError):
        for line in str(error).splitlines():
            print(f"masga: {printable(line)}", file=sys.stderr)
        return 2
    if isinstance(error, OSError) and error.errno in _USERS_TO_MEND:
        where = printable(str(error.filename or "the file system"))
        print(f"masga: {where}: cannot be used: {error.strerror}.", file=sys.stderr)
        print("masga: Nothing that was done is lost. Mend that, then go on.", file=sys.stderr)
        return 2
    told = printable(without_secrets(f"{type(error).__name__}: {error}"))
    print(f"masga: a fault of masga: {told}", file=sys.stderr)
    text = without_secrets("".join(traceback.format_exception(error)))
    written = _write_traceback(text, directory)
    if written is None:
        print(text, file=sys.stderr)
    else:
        print(f"masga: Please report it with the traceback in {written}.", file=sys.stderr)
    return 1


def _write_traceback(text: str, directory: Path | None) -> Path | None:
    for place in (directory, Path(tempfile.gettempdir())):
        if place is None:
            continue
        try:
            handle, name = tempfile.mkstemp(prefix="masga-error-", suffix=".txt", dir=place)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            continue
        return Path(name)
    return None
