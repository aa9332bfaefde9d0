"""Best reply and replicator: the components that the game names leave, shares move as they should."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from orchestrator.component_game import ComponentGame, Measured
from orchestrator.proposers import PROPOSERS, KnownComponents, ProposalRequest
from orchestrator.proposers.pruning import prunings
from orchestrator.proposers.replicator import payoffs
from search_spaces.domains import Choice, Integer
from search_spaces.genome import Genome
from search_spaces.gpt.role_cost import role_flops
from search_spaces.gpt.space import GPT
from search_spaces.limits import Limits
from trainers.model import Transformer
from trainers.morphism import morph
from trainers.morphism.head_plan import plan_heads
from trainers.state import MemberState, Position

SPACE = GPT.with_constants(vocab_size=64, context_length=32)
PRICE = 10.0
GFLOPS = 1e-3


def donor_of(**changes):
    return SPACE.with_genes(SPACE.default(), changes)


def known(genome, *, removed=(), delta=0.5 * PRICE * GFLOPS, rich=(), heads=None, ffn=None):
    """Make up measurements: all earn `delta`, and those that are `rich` ten times their cost."""
    a = genome.architecture
    places = [("head", layer, h) for layer, n in enumerate(a.num_heads) for h in range(n)]
    places += [("ffn", layer, 0) for layer in range(a.num_layers)]
    measured = tuple(
        Measured(
            place=place,
            delta=10 * PRICE * GFLOPS if place in rich else delta,
            standard_error=0.0,
            gflops=GFLOPS,
        )
        for place in places
    )
    return KnownComponents(
        heads=heads or tuple((0.01,) * n for n in a.num_heads),
        heads_error=tuple((0.0,) * n for n in a.num_heads),
        ffn=ffn or (0.01,) * a.num_layers,
        ffn_error=(0.0,) * a.num_layers,
        embedding=0.01,
        embedding_error=0.0,
        game=ComponentGame(
            price=PRICE, margin=2.0, removed=tuple(removed), rise=0.0, rise_error=0.0,
            saved_gflops=GFLOPS * len(removed), measured=measured, components=len(places),
            base_loss=2.0, sequences=8, evaluations=12, flops=1e6, exploitability=0.0,
            exploitability_error=0.0,
        ),
    )  # fmt: skip


def propose(name, genome, components, *, space=SPACE, free=None, seed=0, **parameters):
    request = ProposalRequest(
        generation=1,
        member=0,
        donor=genome,
        replaced=genome,
        free=space.names if free is None else free,
        components=components,
    )
    return PROPOSERS[name](space, **parameters).propose(request, np.random.default_rng(seed))


@pytest.mark.parametrize("heads", range(1, 9))
def test_prunings_remove_named_heads_only_as_the_morphs_plan_does(heads):
    """The plan of a morph, told which heads are least useful, leaves out no other head."""
    rng = np.random.default_rng(heads)
    for kv_heads in (k for k in range(1, heads + 1) if heads % k == 0):
        for _ in range(10):
            named = rng.permutation(heads)[: int(rng.integers(1, heads + 1))].tolist()
            options = list(prunings(heads, kv_heads, set(named)))
            for fewer, kv in options:
                useful = [1.0 + h for h in range(heads)]
                for rank, head in enumerate(named):
                    useful[head] = -1e-12 * (len(named) - rank)
                plan = plan_heads(useful, kv_heads=kv_heads, child_heads=fewer, child_kv_heads=kv)
                left = set(range(heads)) - set(plan.queries)
                assert len(left) == heads - fewer
                assert left <= set(named)
                # and no key-value head is pooled: what stays keeps what it reads
                assert all(sum(share > 0 for share in row) == 1 for row in plan.shares)
            if kv_heads == heads > 1:
                assert options[0] == (max(1, heads - len(named)),) * 2


def state_of(genome, components):
    model = Transformer(genome.architecture)
    model.initialise(torch.Generator().manual_seed(0))
    return MemberState(
        architecture=genome.architecture,
        protocol=genome.protocol,
        position=Position(tokens=0, windows=(0,), steps=0),
        tensors={f"model.{n}": t for n, t in model.state_dict().items()},
        head_utility=components.heads,
        ffn_utility=components.ffn,
        embedding_utility=components.embedding,
        least_worth=components.game.removed,
    )


def test_what_the_game_names_is_what_the_childs_morph_prunes():
    donor = donor_of(num_kv_heads=(4, 2, 4, 4))
    removed = [("head", 0, 2), ("head", 1, 0), ("head", 1, 3), ("head", 0, 1), ("head", 2, 3)]
    heads = ((9.0, 8.0, 7.0, 0.1),) * 4  # the everyday utilities would have head 3 go
    components = known(donor, removed=removed, heads=heads)
    child = propose("best_reply", donor, components)
    a = child.architecture
    assert a.num_heads == (2, 2, 3, 4)
    assert a.num_kv_heads == (2, 2, 3, 4)
    assert replace(a, num_heads=(4,) * 4, num_kv_heads=(4, 2, 4, 4)) == donor.architecture
    assert child.protocol == donor.protocol
    _, record = morph(state_of(donor, components), a, seed=1)
    told = " ".join(record.moves)
    for named in ("1, 2 removed", "0, 3 removed", "least useful 3 removed"):
        assert named in told


def test_heads_that_cannot_go_alone_stay():
    """One head of one group of two cannot go without taking another one with it."""
    donor = donor_of(num_kv_heads=(2, 4, 4, 4))
    child = propose("best_reply", donor, known(donor, removed=[("head", 0, 0)]), grow=0.0)
    assert child != donor  # nothing could go, so it is mutated instead
    both = known(donor, removed=[("head", 0, 0), ("head", 0, 1)])
    child = propose("best_reply", donor, both, grow=0.0)
    assert (child.architecture.num_heads[0], child.architecture.num_kv_heads[0]) == (2, 1)


def test_a_layer_none_of_whose_components_pay_leaves():
    donor = donor_of()
    removed = [("ffn", 2, 0), *(("head", 2, h) for h in range(4)), ("ffn", 0, 0)]
    child = propose("best_reply", donor, known(donor, removed=removed))
    a = child.architecture
    assert a.num_layers == 3
    assert a.num_heads == (4, 4, 4)
    assert a.d_ff == (32, 512, 512)  # a block alone shrinks to the smallest that there is
    fixed = SPACE.narrowed(num_layers=Choice((4,)))
    child = propose("best_reply", donor, known(donor, removed=removed), space=fixed)
    assert child.architecture.num_layers == 4
    assert (child.architecture.num_heads[2], child.architecture.d_ff[2]) == (1, 32)


def test_what_pays_best_grows_where_nothing_leaves():
    donor = donor_of()
    rich = [("ffn", 1, 0)]
    child = propose("best_reply", donor, known(donor, rich=rich))
    assert child.architecture.d_ff == (512, 640, 512, 512)
    heads = [("head", 3, h) for h in range(4)]
    child = propose("best_reply", donor, known(donor, rich=heads, removed=[("head", 0, 0)]))
    assert child.architecture.num_heads == (3, 4, 4, 5)
    assert child.architecture.num_kv_heads == (3, 4, 4, 5)
    kept = propose("best_reply", donor, known(donor, rich=rich), grow=0.0)
    assert kept != donor


def test_growth_that_would_cost_another_component_its_place_is_refused():
    donor = donor_of()
    from search_spaces.gpt.cost import count_parameters

    tight = SPACE.limited(Limits(max_parameters=count_parameters(donor.architecture)))
    components = known(donor, rich=[("ffn", 1, 0)], removed=[("head", 0, 0)])
    child = propose("best_reply", donor, components, space=tight)
    tight.check(child)
    assert child.architecture.num_heads == (3, 4, 4, 4)


def test_at_equilibrium_the_child_is_a_mutant_not_a_twin():
    donor = donor_of()
    for name in ("best_reply", "replicator"):
        for components in (None, known(donor)):
            assert propose(name, donor, components) != donor


def test_payoffs_have_mean_1_and_noise_earns_the_mean():
    donor = donor_of()
    flops = role_flops(donor.architecture, sequence_length=32)
    shares = np.array([*flops.attention, *flops.ffn, flops.readout]) / flops.total
    even = known(donor)
    found = payoffs(even, shares)
    assert shares @ found == pytest.approx(1.0)
    noisy = replace(even, ffn_error=(1.0,) * 4)
    found = payoffs(noisy, shares)
    assert found[4:8] == pytest.approx([1.0] * 4)
    assert shares @ found == pytest.approx(1.0)
    assert payoffs(
        replace(even, heads=((0.0,) * 4,) * 4, ffn=(0.0,) * 4, embedding=0.0), shares
    ) == (pytest.approx(np.ones(9)))


def test_shares_move_to_the_roles_that_earn_more_at_about_the_same_flops():
    donor = donor_of()
    # heads of layers 0 and 1 earn everything, their blocks next to nothing
    heads = ((0.1,) * 4, (0.1,) * 4, (0.01,) * 4, (0.01,) * 4)
    components = known(donor, heads=heads, ffn=(1e-4, 1e-4, 0.05, 0.05))
    before = role_flops(donor.architecture, sequence_length=32)
    attention, ffn, total = [], [], []
    for seed in range(20):
        child = propose("replicator", donor, components, seed=seed, rate=0.3)
        after = role_flops(child.architecture, sequence_length=32)
        attention.append(sum(after.attention[:2]) / after.total)
        ffn.append(sum(after.ffn[:2]) / after.total)
        total.append(after.total)
        assert child.protocol == donor.protocol
    assert min(attention) > sum(before.attention[:2]) / before.total
    assert max(ffn) < sum(before.ffn[:2]) / before.total
    assert np.mean(total) == pytest.approx(before.total, rel=0.15)


def test_equal_payoffs_do_not_move_shares():
    """At a rest point of the replicator the rounding gives the donor back, and it is mutated."""
    donor = donor_of()
    a = donor.architecture
    flops = role_flops(a, sequence_length=32)
    components = known(
        donor,
        heads=tuple((f / 4,) * 4 for f in flops.attention),
        ffn=flops.ffn,
    )
    components = replace(components, embedding=flops.readout)
    only_protocol = propose("replicator", donor, components, seed=3)
    assert only_protocol == SPACE.mutate(donor, _after_rounding(3), free=SPACE.names)


def _after_rounding(seed):
    """The generator as it is after one draw for d_model, each layer's heads and its block."""
    rng = np.random.default_rng(seed)
    for _ in range(9):
        rng.random()
    return rng


@pytest.mark.parametrize("name", ["best_reply", "replicator"])
def test_only_free_genes_move(name):
    donor = donor_of()
    components = known(donor, removed=[("head", 0, 1), ("ffn", 1, 0)], ffn=(0.5, 0.01, 0.01, 0.01))
    for free in ({"d_ff"}, {"num_heads", "num_kv_heads"}, SPACE.gene_names("protocol")):
        child = propose(name, donor, components, free=frozenset(free))
        assert isinstance(child, Genome)
        for gene in SPACE.names - frozenset(free):
            assert SPACE.gene_value(child, gene) == SPACE.gene_value(donor, gene)


def test_domains_of_the_run_are_kept():
    narrow = SPACE.narrowed(num_heads=Integer(4, 8), d_ff=Integer(256, 512, step=256))
    donor = donor_of()
    removed = [("head", 0, 1), ("ffn", 1, 0)]
    child = propose("best_reply", donor, known(donor, removed=removed), space=narrow)
    narrow.check(child)
    assert child.architecture.num_heads == (4, 4, 4, 4)
    assert child.architecture.d_ff == (512, 256, 512, 512)


@pytest.mark.parametrize(
    ("name", "parameters", "law"),
    [
        ("best_reply", {"grow": -0.1}, "0 <= grow <= 1"),
        ("replicator", {"rate": 0.0}, "0 < rate <= 10"),
        ("replicator", {"rate": math.nan}, "0 < rate <= 10"),
    ],
)
def test_parameters_out_of_range_are_refused(name, parameters, law):
    with pytest.raises(ValueError, match=law):
        PROPOSERS[name](SPACE, **parameters)
