"""Readers: the same documents however the file is cut into blocks, and errors that find the place."""

import json
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data import CorpusError, SourceSpec
from trainers.data import documents as documents_module
from trainers.data.documents import (
    DOCUMENT_CHARACTERS,
    LONGEST_FACTOR,
    cut_at_paragraphs,
    cut_at_separator,
    read_documents,
)
from trainers.data.files import find_files

texts = st.text(st.sampled_from("ab\n"), max_size=200)
cuts = st.lists(st.integers(0, 200), max_size=6).map(sorted)


def pieces_of(text, cuts):
    bounds = [0, *cuts, len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


def read(source):
    return list(read_documents(find_files(source), source))


def refused(source, *facts):
    with pytest.raises(CorpusError) as caught:
        read(source)
    for fact in facts:
        assert fact in str(caught.value)
    assert all((caught.value.where, caught.value.law, caught.value.found, caught.value.remedy))


@settings(deadline=None, max_examples=60)
@given(text=texts, cuts=cuts)
def test_paragraphs_do_not_depend_on_the_pieces(text, cuts):
    whole = list(cut_at_paragraphs([text], shortest=10))
    assert list(cut_at_paragraphs(pieces_of(text, cuts), shortest=10)) == whole
    assert "".join(whole) == text
    for document in whole[:-1]:
        assert 10 < len(document) <= 10 * LONGEST_FACTOR + 1
        assert document.endswith("\n\n") or "\n\n" not in document[10:]


@settings(deadline=None, max_examples=60)
@given(text=texts, cuts=cuts, separator=st.sampled_from(["a", "\n\n", "aba"]))
def test_separated_documents_do_not_depend_on_the_pieces(text, cuts, separator):
    assert list(cut_at_separator(pieces_of(text, cuts), separator)) == text.split(separator)


def test_a_short_text_file_is_one_document(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo\n\n")
    assert read(SourceSpec.file(str(tmp_path))) == ["one\r\n\r\ntwo\n\n"]


@pytest.mark.parametrize("block", [1, 2, 3, 5])
def test_characters_across_blocks_are_whole(tmp_path, monkeypatch, block):
    monkeypatch.setattr(documents_module, "READ_BYTES", block)
    text = "é🦊\u4e2da" * 5
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert read(SourceSpec.file(str(tmp_path / "a.txt"))) == [text]


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
@pytest.mark.parametrize("prefix", ["", "abc", "é🦊"])
def test_not_utf8_names_file_and_byte(tmp_path, monkeypatch, block, prefix):
    monkeypatch.setattr(documents_module, "READ_BYTES", block)
    raw = prefix.encode()
    (tmp_path / "a.txt").write_bytes(raw + b"\xe9t\xe9 more")
    refused(SourceSpec.file(str(tmp_path)), "a.txt", f"byte {len(raw)} is 0xe9", "UTF-8", "iconv")


def test_utf8_cut_short_names_the_byte(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"abc\xf0\x9f")
    refused(SourceSpec.file(str(tmp_path)), "byte 3 is 0xf0")


def test_json_lines_give_their_field(tmp_path):
    lines = ['{"body": "one\\u00e9"}', "", '{"body": "two", "text": 3}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert read(SourceSpec.file(str(tmp_path / "*.jsonl"), text_field="body")) == ["oneé", "two"]


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (b'{"text": "a"', "a line is one JSON object"),
        (b'{"other": "a"}', "a field `text`, but it has other"),
        (b'["text"]', "is no object"),
        (b'{"text": 3}', "`text` is a string, but it is int"),
        (b'{"text": "\\ud800"}', "unpaired surrogate"),
        (b"[" * 100_000, "a line is one JSON object"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path, line, fact):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "fine"}\n\n' + line + b"\n")
    refused(SourceSpec.file(str(tmp_path)), "a.jsonl:3", fact)


def test_json_lines_that_are_not_utf8_name_the_byte(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "fine"}\n{"text": "\xff"}\n')
    refused(SourceSpec.file(str(tmp_path)), "byte 27 is 0xff")


def test_parquet_gives_its_column_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(documents_module, "PARQUET_ROWS", 4)
    rows = [f"row {i}" for i in range(11)]
    pq.write_table(pa.table({"id": range(11), "body": rows}), tmp_path / "a.parquet")
    assert read(SourceSpec.file(str(tmp_path), text_field="body")) == rows


def test_parquet_errors_say_what_is_wrong(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1, 2], "body": ["a", None]}), path)
    refused(SourceSpec.file(str(path)), "a column `text`", "it has id, body")
    refused(SourceSpec.file(str(path), text_field="body"), "row 1 is NoneType")
    refused(SourceSpec.file(str(path), text_field="id"), "rows are int64")
    path.write_bytes(b"not parquet at all")
    refused(SourceSpec.file(str(path)), "a.parquet", "Parquet")


def test_a_cut_parquet_file_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["abc" * 100] * 50}), path)
    path.write_bytes(path.read_bytes()[:-20])
    refused(SourceSpec.file(str(path)), "a.parquet")


def test_missing_and_empty_files_are_named(tmp_path):
    refused(SourceSpec.file(str(tmp_path / "none.txt")), "none.txt", "there is no such file")
    refused(SourceSpec.file(str(tmp_path / "*.txt")), "*.txt", "there is no such file")
    refused(SourceSpec.file(str(tmp_path)), "the directory is empty")
    (tmp_path / "a.txt").touch()
    refused(SourceSpec.file(str(tmp_path)), "a.txt", "it is empty")


def test_directories_are_read_recursively_in_order(tmp_path):
    for name in ("b.txt", "sub/a.md", "a.jsonl", ".hidden.txt", "c.bin", ".git/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"text": name}))
    source = SourceSpec.file(str(tmp_path))
    names = [str(p.relative_to(tmp_path)) for p in find_files(source)]
    assert names == ["a.jsonl", "b.txt", "sub/a.md"]
    only = SourceSpec.file(str(tmp_path / "**" / "*.md"))
    assert [p.name for p in find_files(only)] == ["a.md"]


def test_an_unknown_suffix_asks_for_the_format(tmp_path):
    (tmp_path / "a.dat").write_text("hello")
    refused(SourceSpec.file(str(tmp_path)), "suffixes", "a.dat", "format: text")
    refused(SourceSpec.file(str(tmp_path / "a.dat")), "'.dat'", "format: text")
    assert read(SourceSpec.file(str(tmp_path / "a.dat"), format="text")) == ["hello"]
    assert read(SourceSpec.file(str(tmp_path), format="text")) == ["hello"]


def test_a_long_text_file_is_cut(tmp_path):
    paragraph = "x" * 1000 + "\n\n"
    (tmp_path / "a.txt").write_text(paragraph * 40)
    found = read(SourceSpec.file(str(tmp_path)))
    assert "".join(found) == paragraph * 40
    assert all(DOCUMENT_CHARACTERS <= len(d) < DOCUMENT_CHARACTERS + 1002 for d in found[:-1])


@pytest.mark.parametrize(
    "change", [{"kind": "web"}, {"format": "csv"}, {"separator": ""}, {"name_or_path": ""}]
)
def test_a_source_that_breaks_a_law_is_refused(change):
    with pytest.raises(CorpusError, match="Change it in the run file"):
        SourceSpec(**({"kind": "file", "name_or_path": "a"} | change))
