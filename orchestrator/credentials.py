"""Credentials: where they may not stand, and how a text is shown without them.

They belong into the environment, or into the files of the tools that use them: never into run
files, logs, exported files or messages. So a run file with a URI that carries some is refused, and
every message goes through `without_credentials`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.events import JSON

HIDDEN = "***"
_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,40})(?P<slashes>:/{1,3})(?P<rest>[^\s<>]*)")
"""Of a longer scheme the last letters: a search for its end from each letter would be quadratic."""
_PAIR = re.compile(r"(?P<before>[?&;#])(?P<key>[^\s=&;#?]+)=(?P<value>[^\s&;#'\"`,)}\]]+)")
_SECRET = re.compile(
    r"token|passw|pwd|passphrase|secret|signature|credential|authoriz"
    r"|(api|access|account|private|shared|master|storage)key"
)
_SHORT_SECRETS = frozenset({"sig", "auth", "key"})
_NAME_USERS = frozenset(
    {
        "mssql", "mysql", "oracle", "postgres", "postgresql", "hdfs", "viewfs", "ssh", "sftp",
        "abfs", "abfss", "wasb", "wasbs",
    }
)  # fmt: skip
"""Schemes with names of users or containers before the host; with others that is a secret."""
_SHORTEST_SECRET = 6
"""Characters of a variable's value that is hidden wherever it appears; `true` is not."""


def without_credentials(text: str) -> str:
    """Return a text whose URIs show neither passwords nor tokens.

    >>> without_credentials("http://ada:hunter2@host:5000/api?token=abc&page=2 is down")
    'http://***@host:5000/api?token=***&page=2 is down'
    >>> without_credentials("postgresql+pg8000://ada@host/mlflow and s3://bucket/a@b")
    'postgresql+pg8000://ada@host/mlflow and s3://bucket/a@b'
    """
    return _scanned(text, lambda _kind: None)


def carried_credentials(text: str) -> str | None:
    """Say what kind of credentials the URIs of a text carry, without them; None: none.

    >>> carried_credentials("s3://AKIA:secret@bucket/runs")
    'a password before the host'
    >>> carried_credentials("sqlite:///mlflow.db?timeout=5")
    """
    kinds: list[str] = []
    _scanned(text, kinds.append)
    return kinds[0] if kinds else None


def places_with_credentials(
    values: JSON, key: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Give the key of each text in `values` that carries credentials, and of what kind."""
    match values:
        case str():
            kind = carried_credentials(values)
            if kind is not None:
                yield key, kind
        case dict():
            for name, value in values.items():
                yield from places_with_credentials(value, (*key, name))
        case list() | tuple():
            for at, value in enumerate(values):
                yield from places_with_credentials(value, (*key, at))


def require_no_credentials(text: str | None, *, where: str) -> None:
    """Check what a user wrote outside a run file.

    Raises:
        UserError: It carries credentials, which would be seen by all who see the command.
    """
    from orchestrator.errors import UserError  # noqa: PLC0415 - errors are told without credentials

    kind = None if text is None else carried_credentials(text)
    if kind is not None:
        raise UserError(
            where=where,
            law="a URI on the command line, which others can see, holds no credentials",
            found=kind,
            remedy=where_they_belong(where),
        )


def where_they_belong(name: str) -> str:
    """Return where the credentials of a key of the run file, or of an option, belong."""
    if "mlflow" in name or "tracking" in name:
        return (
            "Delete them there, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN, in the environment, or write ~/.mlflow/credentials; the URI of "
            "a database with its password belongs into MLFLOW_TRACKING_URI."
        )
    return (
        "Delete them there: they belong into the environment or into the files of the tool that "
        "uses them (for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials)."
    )


def is_secret(name: str) -> bool:
    """Return whether the name of a variable or of a query's key is that of a secret.

    >>> [is_secret(name) for name in ("AWS_SECRET_ACCESS_KEY", "sig", "TUNE_WARN_THRESHOLD_S")]
    [True, True, False]
    """
    words = re.sub(r"[^a-z]", "", name.lower())
    return words in _SHORT_SECRETS or _SECRET.search(words) is not None


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text without credentials in URIs and without the environment's own secrets.

    >>> without_secrets("said hunter22 to it", {"MLFLOW_TRACKING_PASSWORD": "hunter22"})
    'said *** to it'
    """
    text = without_credentials(text)
    secrets = {v for k, v in environment.items() if is_secret(k) and len(v) >= _SHORTEST_SECRET}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _scanned(text: str, tell: Callable[[str], None]) -> str:
    """Hide what must not be seen, and tell of what kind it was."""

    def uri(found: re.Match[str]) -> str:
        user, rest = _user_and_rest(found["rest"])
        shown = ""
        if user:
            names_users = found["scheme"].lower().partition("+")[0] in _NAME_USERS
            if ":" in user.strip(":") or not (names_users or user == "anonymous"):
                tell("a password before the host" if ":" in user else "a name or token before it")
                user = HIDDEN
            shown = f"{user}@"
        return f"{found['scheme']}{found['slashes']}{shown}{_PAIR.sub(pair, rest)}"

    def pair(found: re.Match[str]) -> str:
        if not is_secret(found["key"]) or found["value"] == HIDDEN:
            return found[0]
        tell(f"`{found['key']}` in its query")
        return f"{found['before']}{found['key']}={HIDDEN}"

    return _URI.sub(uri, text)


def _user_and_rest(rest: str) -> tuple[str, str]:
    """Cut what follows `scheme://` into what stands before the host, and the host on."""
    ends = [at for at in map(rest.find, "/?#") if at >= 0]
    end = min(ends, default=len(rest))
    authority, tail = rest[:end], rest[end:]
    user, at, host = authority.rpartition("@")
    if at:
        return ("", rest) if user == HIDDEN else (user, host + tail)
    port = authority.rpartition(":")[2] if ":" in authority else ""
    if port and not re.fullmatch(r"[0-9]+|.*\].*", port) and "@" in tail:
        # no port: a password with a `/`, `?` or `#` that should have been written as %2F, ...
        before, _, after = rest.rpartition("@")
        return before, after
    return "", rest
