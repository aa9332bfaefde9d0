"""How we speak with MLflow: quiet, impatient, without telemetry, with a clear word if it fails.

Credentials are MLflow's affair: it takes them from the environment or from its own file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for each segment
}
_SQLITE = "sqlite:///"
_NO_ANSWER = (
    "connection refused", "connection reset", "connection aborted", "remote end closed",
    "timed out", "name or service not known", "failed to resolve", "max retries exceeded",
)  # fmt: skip
"""What the network says, the most telling first."""
_CREDENTIALS_FILE = Path("~/.mlflow/credentials")
_CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_UNKNOWN = re.compile(r"error code 401\b|401 Client Error|not authenticated")
_FORBIDDEN = re.compile(r"error code 403\b|403 Client Error|Permission denied")
_OTHER_SCHEMA = re.compile(r"out-of-date database schema|Can't locate revision")


def open_client(uri: str) -> Any:
    """Return a client of a tracking store.

    Raises:
        UserError: A SQLite file that lies in no directory; MLflow would try for a minute.
    """
    path = sqlite_path(uri)
    if path is not None and not path.parent.is_dir():
        raise UserError(
            where=uri,
            law="a SQLite store lies in a directory",
            found=f"none at {path.parent}",
            remedy="Make it, or correct the tracking URI.",
        )
    return _loaded_client()(tracking_uri=uri)


def _loaded_client() -> Any:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds, and after the environment

    for logger in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    return MlflowClient


def knock(uri: str, *, patience_seconds: float) -> str | None:
    """Ask a store for anything; return what is wrong with it, or None.

    Args:
        uri: The store's.
        patience_seconds: Longest time that the answer is waited for.
    """
    _loaded_client()  # here, not in the thread: another one may be importing at the same time
    troubles: list[str] = []

    def ask() -> None:
        try:
            with told_to_users(uri):
                open_client(uri).search_experiments(max_results=1)
        except Exception as error:  # noqa: BLE001 - told, whatever it is
            troubles.append(str(error))

    asking = threading.Thread(target=ask, name="mlflow-knock", daemon=True)
    asking.start()
    asking.join(patience_seconds)
    if asking.is_alive():
        return f"{uri}: MLflow has not answered within {patience_seconds:g} s."
    return troubles[0] if troubles else None


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite store.

    >>> sqlite_path("sqlite:////srv/mlflow.db?timeout=5"), sqlite_path("http://127.0.0.1:5000")
    (PosixPath('/srv/mlflow.db'), None)
    """
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def sqlite_uri(path: Path) -> str:
    """Return the tracking URI of a SQLite file."""
    return f"{_SQLITE}{path.resolve()}"


@contextlib.contextmanager
def told_to_users(uri: str) -> Iterator[None]:
    """Turn what MLflow, its database or its server raise into the user's errors.

    Raises:
        UserError: The store does not answer, or is not one that this MLflow can use.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - comes with MLflow

    try:
        yield
    except UserError:
        raise
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise as_user_error(error, uri) from error


def as_user_error(error: Exception, uri: str) -> UserError:
    """Return what a failure of a store means to the user."""
    import mlflow  # noqa: PLC0415 - seconds

    text = " ".join(str(error).split())
    if _OTHER_SCHEMA.search(text):
        return UserError(
            where=uri,
            law=f"the store has the schema of the installed MLflow, {mlflow.__version__}",
            found=Clause(f"it is of another version ({text[:200]})"),
            remedy=(
                f"Take a backup, then 'mlflow db upgrade {uri}'; or install the version of MLflow "
                "that wrote it. Nothing was changed."
            ),
        )
    code = getattr(error, "error_code", None)
    if code == "UNAUTHENTICATED" or _UNKNOWN.search(text):
        return _unknown(uri)
    if code == "PERMISSION_DENIED" or _FORBIDDEN.search(text):
        return UserError(
            where=uri,
            law="an MLflow server lets its user read and write the experiment",
            found=Clause("it knows the user and does not"),
            remedy="Ask who runs it for the permission EDIT, or choose another experiment "
            "(mlflow.experiment, or 'masga sync DIR --experiment NAME').",
        )
    silent = next((said for said in _NO_ANSWER if said in text.lower()), None)
    if silent is not None:
        return UserError(
            where=uri,
            law="an MLflow tracking server answers",
            found=silent,
            remedy="Start it, or correct the tracking URI; what was recorded stays.",
        )
    return UserError(
        where=uri,
        law="MLflow reads and writes its store",
        found=_short(error),
        remedy="Mend the store or choose another with --tracking-uri; what was recorded stays.",
    )


def _unknown(uri: str) -> UserError:
    names = [name for name in _CREDENTIALS if os.environ.get(name)]
    if _CREDENTIALS_FILE.expanduser().is_file():
        names.append(str(_CREDENTIALS_FILE))
    return UserError(
        where=uri,
        law="an MLflow server knows who writes to it",
        found=Clause(
            f"it does not accept what {' and '.join(names)} {'says' if len(names) == 1 else 'say'}"
            if names
            else "it asks for credentials and none are set"
        ),
        remedy="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
        f"MLFLOW_TRACKING_TOKEN, in the environment, or write {_CREDENTIALS_FILE}.",
    )


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
