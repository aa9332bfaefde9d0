"""Corpora: text to tokens to memory-mapped shards, split by content, read by a resumable cursor."""

from trainers.data.build import Progress
from trainers.data.carried import fetch_corpus, is_prepared, is_stored, store_corpus
from trainers.data.corpus import Corpus, EvaluationBatch, open_corpus
from trainers.data.errors import CorpusError
from trainers.data.named import NAMED, NamedCorpus
from trainers.data.prepare import prepare_corpus
from trainers.data.resolve import resolve_named
from trainers.data.spec import (
    SPLITS,
    CorpusSpec,
    SourceSpec,
    Split,
    SplitShares,
)
from trainers.data.tokenizer import Tokenizer

__all__ = [
    "NAMED",
    "SPLITS",
    "Corpus",
    "CorpusError",
    "CorpusSpec",
    "EvaluationBatch",
    "NamedCorpus",
    "Progress",
    "SourceSpec",
    "Split",
    "SplitShares",
    "Tokenizer",
    "fetch_corpus",
    "is_prepared",
    "is_stored",
    "open_corpus",
    "prepare_corpus",
    "resolve_named",
    "store_corpus",
]
