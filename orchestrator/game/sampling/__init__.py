"""Values of games with too many players for a table."""
