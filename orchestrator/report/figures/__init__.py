"""Figures of a search's report: pure functions from values to matplotlib figures, one idea a file."""
