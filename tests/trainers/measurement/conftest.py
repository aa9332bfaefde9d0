"""Small models whose components matter, and game batches of the tiny corpus."""

import pytest
import torch

from trainers.host import settle_host
from trainers.model import Transformer


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Small products are many times slower on several threads that wait for each other."""
    settle_host(1)


@pytest.fixture
def make_model(architecture):
    """Make a model with random weights, five times as large as at the start of a training."""

    def make(**changes):
        model = Transformer(architecture(**changes))
        model.initialise(torch.Generator().manual_seed(0))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(5.0)
        return model

    return make


@pytest.fixture(scope="session")
def batches(corpus):
    return corpus.evaluation_batches("game", sequences=4, count=2)
