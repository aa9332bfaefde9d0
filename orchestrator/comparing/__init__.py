"""Populations side by side: from the stories of several searches to one `Comparison`.

Reading and mathematics are pure; names are resolved in `opening`, files written in
`orchestrator.commands.compare`. What each number means: docs/compare.md.
"""
