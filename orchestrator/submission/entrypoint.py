"""The shell command that a cluster's head node runs for a submitted search.

What was uploaded lives only as long as Ray's session: the command keeps it beside the searches, so
that a search can be resumed, and keeps prepared text there too, where all nodes find it. Where the
searches are in an object store, it is kept in the cache of the head node: the store has the text.
"""

from __future__ import annotations

import shlex

from orchestrator.errors import UserError
from orchestrator.storage.place import Place, is_remote
from orchestrator.submission.packing import MODULES, RUN_FILE

DEFAULT_OUTPUT = "~/masga-runs"


def search_command(*, output: str, job: str) -> str:
    """Return the command that starts the packed search.

    Args:
        output: Directory of searches on the cluster, the same on all nodes; `~` is the cluster's.
            Or a URI.
        job: Name of the job.
    """
    # the pack is the submitter's own word, whoever owns the files of the cluster
    return f'{_prepared(output, job)} && exec masga search {RUN_FILE} --output "$out" --trust'


def resume_command(*, output: str, job: str, directory: str, trust: bool = False) -> str:
    """Return the command that goes on with a search in a directory of the cluster, or a store."""
    output = directory if is_remote(directory) else output
    said = " --trust" if trust else ""
    return f"{_prepared(output, job)} && exec masga resume {_expanded(directory)}{said}"


def _prepared(output: str, job: str) -> str:
    if is_remote(output):
        place, cache = '"${MASGA_CACHE:-$HOME/.cache/masga}"', "$place"
    else:
        place, cache = '"$out"', "$out/cache"
    kept = f'"$place/submitted/{job}"'
    return (
        f"out={_expanded(output)} && place={place} && "
        f"mkdir -p {kept} && cp -r . {kept} && cd {kept} && "
        f'export PYTHONPATH="$PWD/{MODULES}${{PYTHONPATH:+:$PYTHONPATH}}" '
        f'MASGA_CACHE="${{MASGA_CACHE:-{cache}}}"'
    )


def _expanded(path: str) -> str:
    """Quote a path for the shell, but for a leading `~`; or a URI."""
    if is_remote(path):
        return shlex.quote(str(Place.parse(path, where="directory on the cluster")))
    if not path.startswith(("/", "~/")) and path != "~":
        raise UserError(
            where="directory on the cluster",
            law="it begins with `/` or `~/`: a job has no directory of its own that stays",
            found=path,
            remedy="Write the whole path.",
        )
    if path == "~" or path.startswith("~/"):
        return f'"$HOME"{shlex.quote(path[1:]) if len(path) > 1 else ""}'
    return shlex.quote(path)
