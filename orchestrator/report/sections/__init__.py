"""Sections of a search's report, one a file: from a `Subject` to HTML, or None: nothing to say."""
