"""Named corpora: real text that comes with ordinary packages. One file and one line each."""

from trainers.data.named.corpus import NamedCorpus
from trainers.data.named.python_docs import PYTHON_DOCS
from trainers.data.named.wiki_vital import WIKI_VITAL, WIKI_VITAL_ES, WIKI_VITAL_FR

NAMED: dict[str, NamedCorpus] = {
    corpus.name: corpus for corpus in (PYTHON_DOCS, WIKI_VITAL, WIKI_VITAL_ES, WIKI_VITAL_FR)
}

__all__ = ["NAMED", "NamedCorpus"]
