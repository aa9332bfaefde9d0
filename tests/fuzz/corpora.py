"""Prepared corpora and tokenizers."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes
from tests.fuzz.sealing import sealed_manifest
from trainers.data import CorpusSpec, SourceSpec, open_corpus, prepare_corpus
from trainers.data.manifest import MANIFEST_FILE
from trainers.data.tokenizer import load_bpe, train_bpe

if TYPE_CHECKING:
    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


DOCUMENTS = tuple(f"Ship {n} sails at dawn, {n * 7 % 13} gulls above it. é🐋" for n in range(240))


@functools.cache
def corpus_files() -> Files:
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "text.txt")
        source.write_text("\n\n".join(DOCUMENTS), encoding="utf-8")
        spec = CorpusSpec(
            sources=(SourceSpec.file(str(source), separator="\n\n"),),
            tokenizer="bpe",
            vocab_size=300,
            context_length=8,
        )
        corpus = prepare_corpus(spec, Path(place, "cache"))
        return {path.name: path.read_bytes() for path in corpus.directory.iterdir()}


def corpus(choices: Choices) -> Files:
    files = dict(corpus_files())
    body = json.loads(files[MANIFEST_FILE])
    del body["checksum"]
    match choices.below(4):
        case 0:
            shards = sorted(name for name in files if name.endswith(".arrow"))
            name = choices.of(shards)
            files[name] = damaged_bytes(files[name], choices)
            for source in body["sources"]:
                for split in source["splits"].values():
                    for shard in split["shards"]:
                        if shard["file"] == name:
                            shard["num_bytes"] = len(files[name])
                            shard["sha256"] = hashlib.sha256(files[name]).hexdigest()
        case _:
            body = damaged_json(body, choices)
    files[MANIFEST_FILE] = sealed_manifest(body)
    if choices.below(8) == 0:
        files[MANIFEST_FILE] = damaged_bytes(files[MANIFEST_FILE], choices)
    return files


def read_corpus(directory: Path) -> None:
    corpus = open_corpus(directory)
    corpus.verify()
    corpus.evaluation_batches("heldout", sequences=1, count=1)
    mix = (1.0 / corpus.num_sources,) * corpus.num_sources
    corpus.batch(corpus.start(), seed=1, sequences=1, length=corpus.context_length, mix=mix)


@functools.cache
def _bpe() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "tokenizer.json")
        train_bpe(DOCUMENTS[:60], vocab_size=300).save(path)
        return path.read_bytes()


def tokenizer(choices: Choices) -> Files:
    if choices.below(2):
        return {"tokenizer.json": damaged_bytes(_bpe(), choices)}
    return {"tokenizer.json": json_bytes(damaged_json(json.loads(_bpe()), choices))}


def read_tokenizer(directory: Path) -> None:
    tokenizer = load_bpe(directory / "tokenizer.json", vocab_size=300)
    tokenizer.decode(tokenizer.encode("Ship é🐋"))
    tokenizer.encode_documents(DOCUMENTS[:2])
