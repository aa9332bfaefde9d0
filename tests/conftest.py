"""Settings of all tests, and the servers that more than one folder tests against.

Hypothesis draws the same examples everywhere, and asserts no time.
"""

from hypothesis import settings
from object_store_server import s3_port, s3_uri, weather
from tracking_servers import postgres, tracking_server

__all__ = ["postgres", "s3_port", "s3_uri", "tracking_server", "weather"]

settings.register_profile("masga", deadline=None, derandomize=True)
settings.load_profile("masga")
