"""Who is replaced by whom: one pure policy a file."""
