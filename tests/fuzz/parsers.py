"""Every reader of files from outside, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import UserError
from search_spaces.errors import SpaceError
from tests.fuzz.checkpoints import checkpoint, read_state, read_tensors, tensors
from tests.fuzz.choices import Choices
from tests.fuzz.corpora import corpus, read_corpus, read_tokenizer, tokenizer
from tests.fuzz.event_logs import event_log, read_event_log
from tests.fuzz.foreign_checkpoints import llama, read_foreign
from tests.fuzz.parser import Parser
from tests.fuzz.run_files import read_run_file, run_file
from tests.fuzz.snapshots import read_snapshot, snapshot
from tests.fuzz.sources import json_lines, parquet, reader_of, text
from tests.fuzz.tables import read_runs, table_of_runs
from trainers.checkpoint import CheckpointDamaged
from trainers.data import CorpusError
from trainers.llama import ForeignCheckpointError

if TYPE_CHECKING:
    from tests.fuzz.parser import Files

PARSERS = {
    "run_file": Parser(run_file, read_run_file, (UserError, SpaceError)),
    "event_log": Parser(event_log, read_event_log, (UserError,)),
    "snapshot": Parser(snapshot, read_snapshot, (ValueError,)),
    "checkpoint": Parser(checkpoint, read_state, (CheckpointDamaged,)),
    "safetensors": Parser(tensors, read_tensors, (ValueError,)),
    "llama": Parser(llama, read_foreign, (ForeignCheckpointError,)),
    "corpus": Parser(corpus, read_corpus, (CorpusError,)),
    "tokenizer": Parser(tokenizer, read_tokenizer, (CorpusError,)),
    "json_lines": Parser(json_lines, reader_of("text.jsonl"), (CorpusError,)),
    "text": Parser(text, reader_of("text.txt"), (CorpusError,)),
    "parquet": Parser(parquet, reader_of("text.parquet"), (CorpusError,)),
    "table": Parser(table_of_runs, read_runs, (UserError,)),
}


def input_of(parser: Parser, data: bytes) -> Files:
    """Return the input that a stream of decisions makes."""
    return parser.make(Choices(data))
