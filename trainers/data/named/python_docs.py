"""Python's own documentation, of the interpreter that runs: the corpus that needs no download.

Two kinds of documents: each topic of `pydoc_data/topics.py` (chapters of the language reference,
about 0.8 MB), and each module of the standard library as the docstrings of the module, its classes
and its functions in the order of the source (about 1.6 MB). Tests and vendored tools do not count.
Both are cut at blank lines into documents of about 2,000 characters, or the small splits would hold
a handful of chapters.
Its text depends on the version of Python; the content digest of a corpus tells versions apart.
"""

from __future__ import annotations

import ast
import os
import platform
import sysconfig
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.data.documents import cut_at_paragraphs
from trainers.data.errors import CorpusError
from trainers.data.named.corpus import NamedCorpus

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPICS = Path("pydoc_data/topics.py")
NOT_LIBRARY = frozenset(
    {"test", "tests", "idlelib", "idle_test", "lib2to3", "turtledemo", "ensurepip"}
    | {"site-packages", "dist-packages", "__pycache__", "pydoc_data", "__phello__"}
)
DOCUMENT_CHARACTERS = 2048
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def locate() -> tuple[Path, ...]:
    """Return the topics first, then the modules in order of their paths."""
    root = Path(sysconfig.get_path("stdlib"))
    modules: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = set(subfolders) - NOT_LIBRARY
        modules += (Path(folder, name) for name in names if name.endswith(".py"))
    modules.sort()
    if not (root / TOPICS).is_file() or not modules:
        raise CorpusError(
            where="corpus python_docs",
            law="the standard library is there as source",
            found=f"{root} has no {TOPICS}" if modules else f"{root} has no modules",
            remedy="Use a complete Python, or another corpus.",
        )
    return (root / TOPICS, *modules)


def read(files: tuple[Path, ...]) -> Iterator[str]:
    """Yield the topics, then the docstrings of each module that has any."""
    topics, *modules = files
    for text in _topics(topics):
        yield from cut_at_paragraphs([text], shortest=DOCUMENT_CHARACTERS)
    for path in modules:
        docstrings = "\n\n".join(_docstrings(path))
        if docstrings:
            yield from cut_at_paragraphs([docstrings], shortest=DOCUMENT_CHARACTERS)


def _topics(path: Path) -> list[str]:
    for node in _parse(path).body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Dict):
            return [str(text) for text in ast.literal_eval(value).values()]
    raise CorpusError(
        where=str(path),
        law="the file assigns a dict of topics",
        found="it assigns none",
        remedy="Report this version of Python, and use another corpus.",
    )


def _docstrings(path: Path) -> list[str]:
    nodes = [node for node in ast.walk(_parse(path)) if isinstance(node, DOCUMENTED)]
    nodes.sort(key=lambda node: getattr(node, "lineno", 0))
    return [text for node in nodes if (text := ast.get_docstring(node))]


def _parse(path: Path) -> ast.Module:
    with warnings.catch_warnings():  # invalid escapes in other people's strings
        warnings.simplefilter("ignore")
        return ast.parse(path.read_bytes())


PYTHON_DOCS = NamedCorpus(
    name="python_docs",
    summary="Python's language reference and the standard library's docstrings, about 2.4 MB",
    licence="PSF-2.0",
    origin=f"standard library of Python {platform.python_version()}",
    locate=locate,
    read=read,
)
