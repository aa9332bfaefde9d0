"""Plain PyTorch references of the operators."""
