"""Components: their order is that of the everyday proxies, their costs add up to the model's."""

import numpy as np
import pytest

from search_spaces.gpt.cost import (
    count_parameters,
    forward_flops_per_token,
    vector_parameters,
)
from trainers import attribution
from trainers.measurement import ComponentId, components_of


@pytest.mark.parametrize("activation", ["gelu", "swiglu"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("groups", [1, 4])
def test_costs_add_up_to_those_of_the_model(architecture, activation, tied, groups):
    a = architecture(activation=activation, tied_embeddings=tied, position="learned")
    components = components_of(a, ffn_groups=groups)
    assert components.parameters.sum() == pytest.approx(count_parameters(a) - vector_parameters(a))
    assert components.flops_per_token.sum() == pytest.approx(
        forward_flops_per_token(a, sequence_length=a.context_length)
    )


def test_order_is_that_of_the_everyday_proxies(architecture):
    a = architecture()
    components = components_of(a)
    assert len(components) == attribution.num_components(a)
    assert [str(c) for c in components.ids] == [
        "head 0.0", "head 0.1", "head 0.2", "head 0.3", "head 1.0", "head 1.1",
        "ffn 0.0", "ffn 1.0", "embedding",
    ]  # fmt: skip
    assert np.concatenate([np.arange(9)[b] for b in components.blocks]).tolist() == [
        8, 0, 1, 2, 3, 6, 4, 5, 7,
    ]  # fmt: skip


def test_heads_that_share_keys_and_values_share_their_cost(architecture):
    components = components_of(architecture(num_heads=(4, 2), num_kv_heads=(1, 2)))
    alone, shared = components.parameters[4], components.parameters[0]
    assert shared / alone == pytest.approx((1 + 1 / 4) / 2)


def test_unknown_and_repeated_components_and_odd_groups_are_refused(architecture):
    components = components_of(architecture())
    with pytest.raises(ValueError, match=r"must be of the model.* but got head 7\.0"):
        components.places((ComponentId("head", 7, 0),))
    with pytest.raises(ValueError, match="named once, but got 1 twice"):
        components.places((components.ids[0], components.ids[0]))
    with pytest.raises(ValueError, match="must divide the d_ff of every layer, but got 5 for 64"):
        components_of(architecture(), ffn_groups=5)
