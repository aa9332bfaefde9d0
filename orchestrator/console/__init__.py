"""What users see of a search; all of it is derived from the events."""
