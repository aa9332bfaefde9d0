"""Text of every colour can be read on the paper and the panels, in light, dark and print (WCAG 2)."""

import re
from importlib import resources

import pytest

CSS = resources.files("orchestrator.report").joinpath("page.css").read_text(encoding="utf-8")
TEXT = ("ink", "muted", "link", "good", "bad", *(f"series-{n}" for n in range(1, 9)))


def themes():
    blocks = re.findall(r":root \{([^}]*)\}", CSS)
    return dict(
        zip(
            ("light", "dark", "print"),
            (dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks),
            strict=True,
        )
    )


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_known_pairs():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("name", TEXT)
def test_text_can_be_read(theme, ground, name):
    colours = themes()[theme]
    assert contrast(colours[name], colours[ground]) >= 4.5


def test_themes_name_the_same_colours():
    light, dark, printed = themes().values()
    assert light.keys() == dark.keys() == printed.keys()
