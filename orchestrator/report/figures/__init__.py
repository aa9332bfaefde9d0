"""Figures of a search's report: pure functions of values, one idea a file."""
