"""The shell command that a cluster's head node runs for a submitted search.

What was uploaded lives only as long as Ray's session: the command keeps it beside the searches, so
that a search can be resumed, and keeps prepared text there too, where all nodes find it.
"""

from __future__ import annotations

import shlex

from orchestrator.errors import UserError
from orchestrator.submission.packing import MODULES, RUN_FILE

DEFAULT_OUTPUT = "~/masga-runs"


def search_command(*, output: str, job: str) -> str:
    """Return the command that starts the packed search.

    Args:
        output: Directory of searches on the cluster, the same on all nodes; `~` is the cluster's.
        job: Name of the job.
    """
    # the pack is the submitter's own word, whoever owns the files of the cluster
    return f'{_prepared(output, job)} && exec masga search {RUN_FILE} --output "$out" --trust'


def resume_command(*, output: str, job: str, directory: str, trust: bool = False) -> str:
    """Return the command that goes on with a search in a directory of the cluster."""
    said = " --trust" if trust else ""
    return f"{_prepared(output, job)} && exec masga resume {_expanded(directory)}{said}"


def _prepared(output: str, job: str) -> str:
    kept = f'"$out/submitted/{job}"'
    return (
        f"out={_expanded(output)} && mkdir -p {kept} && cp -r . {kept} && cd {kept} && "
        f'export PYTHONPATH="$PWD/{MODULES}${{PYTHONPATH:+:$PYTHONPATH}}" '
        'MASGA_CACHE="${MASGA_CACHE:-$out/cache}"'
    )


def _expanded(path: str) -> str:
    """Quote a path for the shell, but for a leading `~`."""
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
