"""The game of the components, as pure functions on arrays."""
