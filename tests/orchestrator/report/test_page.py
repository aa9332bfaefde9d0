from html.parser import HTMLParser

from orchestrator.report.drawing import INK, SERIES, inline_svg, new_figure
from orchestrator.report.page import Section, code, figure, page, paragraph, table

VOID = {"meta", "link", "br", "use", "path", "image"}


class Nesting(HTMLParser):
    """Fails on an element that is closed in the wrong place; collects what would be loaded."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded = [], []

    def handle_starttag(self, tag, attributes):
        self.loaded += [v for name, v in attributes if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def drawn():
    made, axes = new_figure()
    axes.plot([1, 2, 3], [3.0, 2.0, 1.5], color=SERIES[0], label="loss")
    axes.set_xlabel("tokens")
    return made


def whole():
    body = paragraph("a < b") + table(["name", "loss"], [["x", 1.5]]) + code("masga search <x>")
    body += figure(drawn(), description='falls from 3 to 1.5 "nats"', caption="Loss by tokens.")
    return page(
        title="A & B", subtitle="of 2", sections=[Section(anchor="s", heading="S", body=body)]
    )


def test_a_page_is_well_nested_and_loads_nothing_from_elsewhere():
    parser = Nesting()
    parser.feed(whole())
    assert parser.open == []
    assert all(address.startswith(("#", "data:")) for address in parser.loaded)


def test_what_is_given_is_escaped():
    text = whole()
    assert "<title>A &amp; B</title>" in text
    assert "a &lt; b" in text
    assert 'aria-label="falls from 3 to 1.5 &quot;nats&quot;"' in text


def test_a_figure_takes_its_colours_from_the_page_and_keeps_its_text():
    svg = inline_svg(drawn(), description="d")
    assert "var(--series-1)" in svg
    assert "var(--ink)" in svg
    assert ">tokens</text>" in svg
    assert SERIES[0] not in svg.lower()
    assert INK not in svg.lower()


def test_the_same_figure_gives_the_same_text():
    assert inline_svg(drawn(), description="d") == inline_svg(drawn(), description="d")


def test_columns_of_numbers_are_set_right():
    text = table(["name", "loss"], [["x", "1.50"], ["y", 2]])
    assert text.count('class="number"') == 3
