"""Snapshots of a search's state beside its log, bound to the log's checksum.

The log stays the truth: a snapshot says what the log's first events come to, so that a search of a
million events goes on without decoding and following them. It can be deleted at any time.
"""
