"""Corpora: text to tokens to memory-mapped shards, split by content, read by a resumable cursor."""
