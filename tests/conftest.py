"""Settings of all tests, and the servers that more than one folder tests against.

Hypothesis draws the same examples everywhere, and asserts no time. Several processes test at once, so
each, and what it starts, computes with one thread: more would wait for each other, spinning.
"""

import os
import signal

from hypothesis import settings
from object_store_server import s3_port, s3_uri, weather
from tracking_servers import postgres, tracking_server

__all__ = ["postgres", "s3_port", "s3_uri", "tracking_server", "weather"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy and torch are imported: later

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of what a shell starts beside it
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("masga", deadline=None, derandomize=True)
settings.load_profile("masga")
