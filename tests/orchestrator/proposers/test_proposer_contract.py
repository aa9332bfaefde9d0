"""Laws of every proposer."""

import random
import subprocess
import sys

import numpy as np
import pytest

from orchestrator.component_game import ComponentGame, Measured
from orchestrator.proposers import PROPOSERS, KnownComponents, Observation, ProposalRequest
from orchestrator.randomness import generator
from search_spaces.domains import Integer
from search_spaces.gpt.space import GPT

SPACE = GPT.narrowed(num_layers=Integer(1, 3))
MEMBERS = 4
MAKES = {
    **{name: (name, {}) for name in PROPOSERS},
    "optuna_random": ("optuna", {"sampler": "RandomSampler"}),
    "optuna_nsga": ("optuna", {"sampler": "NSGAIISampler", "options": {"population_size": 4}}),
    "optuna_qmc": ("optuna", {"sampler": "QMCSampler"}),
    "nevergrad_de": ("nevergrad", {"optimizer": "DE", "budget": 60, "num_workers": MEMBERS}),
    "nevergrad_opo": ("nevergrad", {"optimizer": "DiscreteOnePlusOne"}),
    "nevergrad_cma": ("nevergrad", {"optimizer": "CMA", "budget": 60, "num_workers": MEMBERS}),
    "nevergrad_lognormal": ("nevergrad", {"optimizer": "LognormalDiscreteOnePlusOne"}),
}
every_proposer = pytest.mark.parametrize("name", MAKES)


def make(name, space=SPACE):
    key, parameters = MAKES[name]
    return PROPOSERS[key](space, **parameters)


def quality(genome):
    """A landscape with a known summit: 2 layers, learning rate 1e-3, RMS norm."""
    protocol, architecture = genome.protocol, genome.architecture
    return (
        -abs(np.log10(protocol.learning_rate) + 3)
        - 0.3 * abs(architecture.num_layers - 2)
        + 0.3 * (architecture.norm == "rms")
    )


def components_of(genome):
    """Make up what was measured of a genome's components: the same for the same genome."""
    draw = np.random.default_rng(int(genome.digest, 16))
    a = genome.architecture
    places = [("head", layer, h) for layer, n in enumerate(a.num_heads) for h in range(n)]
    places += [("ffn", layer, 0) for layer in range(a.num_layers)]
    measured = tuple(
        Measured(place=p, delta=float(draw.normal(0.02, 0.02)), standard_error=0.001, gflops=1e-3)
        for p in places
    )
    leaving = tuple(m.place for m in measured if m.surplus(price=5.0, margin=2.0) < -0.002)
    return KnownComponents(
        heads=tuple(tuple(draw.gamma(2.0, 0.01, n).tolist()) for n in a.num_heads),
        heads_error=tuple((0.001,) * n for n in a.num_heads),
        ffn=tuple(draw.gamma(2.0, 0.02, a.num_layers).tolist()),
        ffn_error=(0.001,) * a.num_layers,
        embedding=0.1,
        embedding_error=0.01,
        game=ComponentGame(
            price=5.0, margin=2.0, removed=leaving, rise=0.0, rise_error=0.001, saved_gflops=1e-3,
            measured=measured, components=len(places), base_loss=2.0, sequences=8, evaluations=12,
            flops=1e6, exploitability=0.01, exploitability_error=0.001,
        ),
    )  # fmt: skip


def search(proposer, generations, *, seed=0, free=None, space=SPACE):
    """The loop in small: every member observes, half of them are replaced by the best."""
    free = space.names if free is None else free
    genomes = [space.sample(generator(seed, "start", 0, m)) for m in range(MEMBERS)]
    proposed = []
    for generation in range(1, generations + 1):
        gains = np.array([quality(genome) for genome in genomes])
        proposer.observe(
            tuple(
                Observation(
                    member=m,
                    generation=generation,
                    genome=genomes[m],
                    fitness=float(gains[m]),
                    gain=float(gains[m] - np.median(gains)),
                    tokens=1000 * generation,
                )
                for m in range(MEMBERS)
            )
        )
        order = np.argsort(-gains)
        for member in order[MEMBERS // 2 :]:
            request = ProposalRequest(
                generation=generation,
                member=int(member),
                donor=genomes[order[0]],
                replaced=genomes[member],
                free=free,
                components=components_of(genomes[order[0]]),
            )
            child = proposer.propose(request, generator(seed, "propose", generation, int(member)))
            proposed.append((request, child))
            genomes[member] = child
    return proposed


@every_proposer
def test_children_are_feasible_and_replayed_exactly(name):
    first = [child for _, child in search(make(name), 8)]
    for child in first:
        SPACE.check(child)
    np.random.seed(12345)  # noqa: NPY002 - what others do to the global state must not matter
    random.seed(54321)
    assert [child for _, child in search(make(name), 8)] == first
    assert [child for _, child in search(make(name), 8, seed=1)] != first


@every_proposer
def test_global_randomness_is_left_as_it_was(name):
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    search(make(name), 4)
    assert np.array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert before[1] == random.getstate()


@pytest.mark.parametrize("name", ["optuna", "nevergrad", "nevergrad_lognormal"])
def test_a_fresh_process_proposes_the_same(name):
    digests = [child.digest for _, child in search(make(name), 5)]
    code = (
        "import sys, importlib.util as u; s = u.spec_from_file_location('laws', sys.argv[1]);"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "print(*[c.digest for _, c in m.search(m.make(sys.argv[2]), 5)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, __file__, name], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == digests


@every_proposer
@pytest.mark.parametrize("half", ["architecture", "protocol"])
def test_genes_that_are_not_free_stay_the_donors(name, half):
    free = SPACE.gene_names(half)
    for request, child in search(make(name), 5, free=free):
        for gene in SPACE.names - free:
            assert SPACE.gene_value(child, gene) == SPACE.gene_value(request.donor, gene)


@every_proposer
def test_one_free_gene_is_enough(name):
    for request, child in search(make(name), 3, free=frozenset({"learning_rate"})):
        same = SPACE.with_genes(child, {"learning_rate": request.donor.protocol.learning_rate})
        assert same == request.donor


@every_proposer
def test_gains_that_are_not_finite_do_not_disturb(name):
    proposer = make(name)
    genome = SPACE.default()
    request = ProposalRequest(
        generation=1, member=0, donor=genome, replaced=genome, free=SPACE.names
    )
    child = proposer.propose(request, generator(0, "propose", 1, 0))
    for gain in (float("nan"), -float("inf")):
        proposer.observe(
            (Observation(member=0, generation=2, genome=child, fitness=gain, gain=gain, tokens=1),)
        )
    SPACE.check(proposer.propose(request, generator(0, "propose", 2, 0)))


@pytest.mark.parametrize("name", ["optuna", "mutation", "nevergrad_opo"])
def test_what_is_told_is_learnt(name):
    """The last proposals are better than what a random draw proposes, on average over seeds."""

    def mean_quality(which):
        late = [search(make(which), 20, seed=s)[-8:] for s in range(2)]
        return np.mean([quality(child) for run in late for _, child in run])

    assert mean_quality(name) > mean_quality("random") + 0.1


def test_importing_proposers_is_light():
    code = (
        "import sys, orchestrator.proposers;"
        "print([m for m in ('optuna', 'nevergrad', 'torch', 'ray', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
