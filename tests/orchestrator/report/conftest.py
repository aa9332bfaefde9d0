"""Pages as readers and their tools take them apart."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestrator.report.subject import Subject
from orchestrator.story.telling import told

VOID = {"meta", "link", "br", "use", "path", "image", "rect", "img"}


class Reading(HTMLParser):
    """Fails on an element closed in the wrong place; collects what pages are judged by."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loaded, self.headings, self.pictures = [], [], [], []
        self.ids, self.tables, self.links, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        self.loaded += [v for name, v in attributes if name in {"src", "href", "xlink:href"}]
        if "id" in held:
            self.ids.append(held["id"])
        if tag == "a":
            self.links.append(held["href"])
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        if tag == "svg" and held.get("aria-hidden") != "true":
            self.pictures.append(held.get("aria-label", "") if held.get("role") == "img" else "")
        if tag == "table":
            self.tables.append(0)
        if tag == "th":
            assert held.get("scope") == "col"
            self.tables[-1] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        if tag not in VOID:
            self.handle_starttag(tag, attributes)
            self.open.pop()
        else:
            self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "svg" not in self.open:
            self.words.append(data)

    @property
    def prose(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def reading():
    return Reading


@pytest.fixture
def about():
    """Make a subject of events or of a story."""

    def make(story, **changes):
        story = told(tuple(story)) if isinstance(story, list | tuple) else story
        values = {
            "story": story,
            "directory": Path("runs/tale"),
            "state": "finished" if story.finished else "stopped",
            "damage": None,
            "commands": frozenset({"search", "resume", "report"}),
        }
        return Subject(**(values | changes))

    return make
