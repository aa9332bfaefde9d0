"""What a search on somebody else's cluster needs to take along, and the command that starts it."""
