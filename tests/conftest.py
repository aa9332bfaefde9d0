"""Settings of all tests: hypothesis draws the same examples everywhere, and asserts no time."""

from hypothesis import settings

settings.register_profile("masga", deadline=None, derandomize=True)
settings.load_profile("masga")
