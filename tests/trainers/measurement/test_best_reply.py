"""The best reply: nobody leaves who pays, a clone does not leave with its clone, all is counted."""

import numpy as np
import pytest
import torch

from trainers.measurement.best_reply import TRAINING_PASSES, best_reply
from trainers.measurement.coalitions import coalition_losses
from trainers.measurement.components import ComponentId, components_of

SHAPE = {"num_heads": (3, 2), "num_kv_heads": (3, 2), "qk_norm": False}


def reply_of(model, batches, price, *, evaluations=40, **options):
    players = len(components_of(model.architecture)) - 1
    options.setdefault("proxies", np.zeros(players))
    return best_reply(model, batches, price=price, evaluations=evaluations, **options)


def value_of(model, batches, removed):
    components = components_of(model.architecture)
    row = components.row(frozenset(components.ids) - frozenset(removed))
    return coalition_losses(model, batches, row[None], components=components).losses[0]


def test_no_move_pays_where_components_cost_nothing_and_help(make_model, batches):
    reply = reply_of(make_model(**SHAPE), batches, 0.0, margin=1e6)
    assert reply.removed == ()
    assert (reply.rise, reply.rise_error, reply.saved_gflops) == (0.0, 0.0, 0.0)
    assert reply.evaluations == 1 + len(reply.measured)


def test_the_reply_raises_phi_by_what_it_says(make_model, batches):
    """Phi is measured a second time, by evaluating both coalitions alone."""
    model = make_model(**SHAPE)
    price = 40.0
    reply = reply_of(model, batches, price)
    assert 0 < len(reply.removed) < reply.components
    rises = value_of(model, batches, reply.removed) - value_of(model, batches, ())
    assert reply.rise == pytest.approx(rises.mean(), abs=1e-9)
    assert reply.rise_error == pytest.approx(rises.std(ddof=1) / np.sqrt(len(rises)), abs=1e-9)
    components = components_of(model.architecture)
    flops = components.flops_per_token[components.places(reply.removed)].sum()
    assert reply.saved_gflops == pytest.approx(TRAINING_PASSES * flops / 1e9)
    assert price * reply.saved_gflops > reply.rise
    assert ComponentId("embedding") not in reply.removed
    assert reply.sequences == 8


def test_at_a_price_that_nothing_earns_all_heads_and_blocks_leave(make_model, batches):
    model = make_model(**SHAPE)
    reply = reply_of(model, batches, 1e9, evaluations=100)
    assert len(reply.removed) == reply.components
    assert np.isfinite(reply.rise)


def test_of_two_heads_that_do_the_same_only_one_leaves(make_model, batches):
    """Head 1 becomes a copy of head 0 that shares its work: each alone is no loss, both are."""
    model = make_model(**SHAPE)
    with torch.no_grad():
        attention = model.layers[0].attention
        for matrix in (attention.query, attention.key, attention.value):
            matrix.weight[8:16] = matrix.weight[:8]
        attention.out.weight[:, :8] *= 3.0
        attention.out.weight[:, 8:16] = attention.out.weight[:, :8]
    both = [ComponentId("head", 0, 0), ComponentId("head", 0, 1)]
    whole, one, none = (value_of(model, batches, both[:n]) for n in (0, 1, 2))
    components = components_of(model.architecture)
    gflops = TRAINING_PASSES * components.flops_per_token[0] / 1e9
    alone, last = (one - whole).mean(), (none - one).mean()
    if not alone < last:  # the law is about pairs of substitutes
        pytest.fail(f"the clones are no substitutes: {alone} and then {last}")
    price = (alone + last) / 2 / gflops
    proxies = np.full(len(components) - 1, 1e9)
    proxies[:2] = 0.0  # the two are the candidates
    reply = reply_of(model, batches, price, evaluations=4, margin=0.0, proxies=proxies)
    assert set(reply.measured) == set(both)
    gains = price * gflops - reply.delta
    assert (gains > 0).all()  # left out one by one, both seem to waste
    assert len(reply.removed) == 1


def test_only_so_many_forwards_as_allowed_and_the_likeliest_first(make_model, batches):
    model = make_model(**SHAPE)
    players = len(components_of(model.architecture)) - 1
    proxies = np.arange(players, dtype=np.float64)[::-1].copy()
    reply = reply_of(model, batches, 0.0, evaluations=5, proxies=proxies, margin=1e6)
    assert reply.evaluations <= 5
    assert [components_of(model.architecture).ids.index(c) for c in reply.measured] == [6, 5, 4]
    assert reply.flops > 0
    many = reply_of(model, batches, 1e9, evaluations=9)
    assert many.evaluations <= 9


def test_how_sequences_are_batched_changes_nothing(make_model, corpus):
    model = make_model(**SHAPE)
    whole = corpus.evaluation_batches("game", sequences=8, count=1)
    parts = corpus.evaluation_batches("game", sequences=2, count=4)
    one, other = (reply_of(model, batches, 40.0) for batches in (whole, parts))
    assert one.removed == other.removed
    assert one.delta == pytest.approx(other.delta, abs=1e-6)
    assert one.rise == pytest.approx(other.rise, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "law"),
    [
        ({"price": -1.0}, "price >= 0"),
        ({"price": float("nan")}, "price >= 0"),
        ({"price": 1.0, "margin": -1.0}, "margin >= 0"),
        ({"price": 1.0, "evaluations": 1}, "evaluations >= 2"),
        ({"price": 1.0, "proxies": np.zeros(3)}, "has one proxy"),
    ],
)
def test_what_cannot_be_asked(make_model, batches, options, law):
    with pytest.raises(ValueError, match=law):
        reply_of(make_model(**SHAPE), batches, options.pop("price"), **options)
