"""Where a child genome comes from: one proposer a file."""
