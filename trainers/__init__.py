"""Language models, data and training of one member. Runs without Ray."""
