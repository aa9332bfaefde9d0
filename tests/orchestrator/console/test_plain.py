"""What a file holds can neither steer a terminal nor be taken for markup."""

import io
from dataclasses import replace

import pytest
from rich.table import Table
from rich.text import Text

from orchestrator import cli
from orchestrator.console.plain import PlainConsole
from orchestrator.console.plain_lines import PlainLines
from orchestrator.console.printable import printable

NASTY = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe[/bold][red]"


@pytest.mark.parametrize(
    "text", ["plain, é 🐋\n\ttext", "\x1b[31m", "\x00\x7f\x9b", "\u202e", "\ud800"]
)
def test_what_is_shown_is_text(text):
    shown = printable(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    assert printable(shown) == shown
    assert shown == text or "\\" in shown


def test_a_console_writes_out_what_a_terminal_would_act_on():
    file = io.StringIO()
    console = PlainConsole(file=file, width=200, force_terminal=True, highlight=False)
    table = Table("name", NASTY)
    table.add_row(NASTY, Text(NASTY, style="bold"))
    console.print(NASTY)
    console.print(table)
    written = file.getvalue()
    assert "\x1b]0;" not in written
    assert "\x1b[2J" not in written
    assert "\x9b" not in written
    assert "\u202e" not in written
    assert "[/bold][red]" in written
    assert "\x1b[1m" in written  # its own colours stay


def test_a_log_does_not_reach_the_terminal_through_a_display(tale):
    file = io.StringIO()
    lines = PlainLines(PlainConsole(file=file, width=200, force_terminal=True))
    for number, event in enumerate(tale):
        changed = replace(event, digest=NASTY) if getattr(event, "digest", None) else event
        lines.on_event(changed, number, replayed=False)
    lines.close()
    assert "\x1b]0;" not in file.getvalue()


def test_an_error_does_not_pass_on_what_it_quotes(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text(f'budget: {{tokens: "{NASTY.encode("unicode_escape").decode()}"}}\n')
    assert cli.main(["search", str(path)]) == 2
    error = capsys.readouterr().err
    assert "budget.tokens" in error
    assert error.replace("\n", "").isprintable()
