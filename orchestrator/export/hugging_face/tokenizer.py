"""The tokenizer as `transformers` reads it: the same ids, the separator at the start of a text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import tokenizers

from trainers.data.tokenizer import BYTES_SEPARATOR, SEPARATOR_TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.export.subject import Subject


def library_of(subject: Subject) -> tokenizers.Tokenizer:
    """Return the tokenizer of a search.

    Raises:
        UserError: It learned from text that is not there any more.
    """
    if subject.run.corpus.tokenizer == "bytes":
        return byte_library()
    corpus = subject.corpus()
    name = corpus.manifest.tokenizer.file
    assert name is not None  # of every tokenizer but bytes
    return tokenizers.Tokenizer.from_file(str(corpus.directory / name))


def byte_library() -> tokenizers.Tokenizer:
    """Return the byte tokenizer: token b is byte b, token 256 the separator."""
    vocabulary = {character: byte for byte, character in enumerate(_alphabet())}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    library.decoder = tokenizers.decoders.ByteLevel()
    library.add_special_tokens([SEPARATOR_TEXT])
    assert library.token_to_id(SEPARATOR_TEXT) == BYTES_SEPARATOR
    return library


def write_tokenizer(library: tokenizers.Tokenizer, directory: Path, *, context_length: int) -> None:
    """Write tokenizer.json and tokenizer_config.json.

    Args:
        library: Its special token is the separator.
        directory: Where to.
        context_length: Tokens in the longest sequence.
    """
    separator = library.token_to_id(SEPARATOR_TEXT)
    # Training put a separator before every document: so does the tokenizer, unless told not to.
    library.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{SEPARATOR_TEXT} $A",
        pair=f"{SEPARATOR_TEXT} $A {SEPARATOR_TEXT} $B",
        special_tokens=[(SEPARATOR_TEXT, separator)],
    )
    (directory / "tokenizer.json").write_text(library.to_str(pretty=True), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SEPARATOR_TEXT,
        "eos_token": SEPARATOR_TEXT,
        "pad_token": SEPARATOR_TEXT,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": context_length,
        "padding_side": "left",
        # Text that happens to spell the separator is ordinary text.
        "split_special_tokens": True,
    }
    text = json.dumps(settings, indent=1) + "\n"
    (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")


def _alphabet() -> list[str]:
    """Return the character that `tokenizers` writes for each byte (GPT-2's table).

    Printable bytes of Latin-1 stand for themselves, the others for the characters from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
