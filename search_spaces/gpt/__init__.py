"""The space `gpt`: decoder-only transformers and the protocols that train them."""
