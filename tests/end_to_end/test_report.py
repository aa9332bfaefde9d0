"""What a real search leaves to look at: its report, with every section and no number missing."""

import re

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import Assessed


def test_a_search_leaves_a_report_of_every_section(undisturbed):
    text = (undisturbed / "report.html").read_text(encoding="utf-8")
    for anchor in ("answers", "loss", "population", "lineage", "genes", "utilities", "ledger",
                   "failures", "environment", "reproduce"):  # fmt: skip
        assert f'<section id="{anchor}">' in text
    for state in read_log(undisturbed / LOG_NAME)[0]:
        if isinstance(state, Assessed):
            assert f"{state.bits_per_byte:.4f}" in text
            assert state.digest in text
    assert not re.search(r">[^<]*\b(nan|None|inf)\b[^<]*<", text.replace("None: all", ""))
