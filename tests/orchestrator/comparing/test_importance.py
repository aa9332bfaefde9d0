"""Our PED-ANOVA is Optuna's; genes that decide stand out, and noise does not."""

import json
import warnings

import numpy as np
import pytest
from optuna.importance import PedAnovaImportanceEvaluator

from orchestrator.comparing.fanova import variances
from orchestrator.comparing.generations import generations
from orchestrator.comparing.genome_table import genome_table
from orchestrator.comparing.importance import importances
from orchestrator.comparing.logged_space import logged_genes
from orchestrator.comparing.ped_anova import columns, divergences
from orchestrator.comparing.trials import trials
from orchestrator.events import Ordered
from search_spaces.domains import Choice, Integer, Simplex
from search_spaces.genome import genome_to_json
from search_spaces.gpt.space import GPT

WIDE = GPT.narrowed(data_mix=Simplex(3), num_layers=Integer(1, 4), batch_ramp=Integer(1, 4))
DECIDING = "learning_rate"


def drawn(space, count, seed):
    rng = np.random.default_rng(seed)
    genes = logged_genes(json.loads(json.dumps(space.to_json())), where="log")
    orders = [
        Ordered(
            member=m,
            generation=0,
            decision="start",
            genome=json.loads(json.dumps(genome_to_json(space.sample(rng)))),
            digest=str(m),
            tokens=1,
        )
        for m in range(count)
    ]
    return genome_table(genes, orders), orders, rng


@pytest.mark.parametrize(("count", "quantile"), [(11, 0.5), (40, 0.25), (150, 0.1)])
def test_divergences_are_those_of_optuna(count, quantile):
    table, orders, rng = drawn(WIDE, count, seed=count)
    standings = rng.random(count).round(2)  # some are equal
    laid = columns(table)
    (found,) = divergences(laid, range(count), standings[None], quantile=quantile)
    ours = dict.fromkeys((c.gene for c in laid), 0.0)
    for column, value in zip(laid, found, strict=True):
        ours[column.gene] += value
    searched = [gene for gene in table.genes if not gene.domain.is_fixed]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = variances(
            searched,
            [order.genome for order in orders],
            standings.tolist(),
            evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile),
        )
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_many_standings_at_once_are_each_of_them_alone():
    table, _, rng = drawn(WIDE, 30, seed=1)
    laid, standings = (
        columns(table),
        np.stack([rng.permutation(30.0 * np.ones(30)), np.arange(30.0)]),
    )
    standings[0] = rng.permutation(standings[1])
    together = divergences(laid, range(30), standings, quantile=0.3)
    for row, alone in enumerate(standings):
        assert together[row] == pytest.approx(
            divergences(laid, range(30), alone[None], quantile=0.3)[0]
        )


@pytest.mark.parametrize("method", ["ped-anova", "fanova"])
def test_the_gene_that_decides_comes_first(search, method):
    # enough intervals that chance does not hide it
    space = GPT.narrowed(num_layers=Choice((1,)))
    told = generations(story_of(search(members=40, generations=2, space=space)))
    overall = importances(told, table=table_of(told, space), method=method)[0]
    assert overall.genes[0].gene == DECIDING
    assert sum(g.share for g in overall.genes) == pytest.approx(1)
    assert overall.genes[0].stands_out == (method == "ped-anova")


def test_noise_stands_out_no_more_often_than_it_may():
    table, orders, rng = drawn(GPT, 40, seed=5)
    laid = columns(table)
    beyond = total = 0
    for _ in range(20):
        order = np.stack([rng.permutation(40.0 + np.arange(40)) for _ in range(40)])
        found = divergences(laid, range(len(orders)), order, quantile=0.25)
        # the first one is no other than the rest: its rank among them is uniform
        beyond += int(((found[1:] >= found[0]).sum(axis=0) + 1 <= 2).sum())
        total += len(laid)
    assert beyond / total < 0.1


def test_a_trial_is_a_stretch_and_stands_between_0_and_1(search):
    story = story_of(search(fails={(2, 1)}))
    told = generations(story)
    made = trials(told)
    begun = [o for o in story.orders.values() if o.decision != "continue"]
    assert len(made) == len(begun)
    assert all(0 <= trial.standing <= 1 for trial in made)
    # the standings of a generation add up, whoever failed
    alone = [trial.standing for trial in trials(told[1:2])]
    assert sum(alone) == pytest.approx(len(alone) / 2)
    assert max(alone) == 1


def test_the_thirds_part_the_generations(search):
    told = generations(story_of(search(members=12, generations=6)))
    overall, *thirds = importances(told, table=table_of(told, GPT), method="ped-anova")
    assert [third.part for third in thirds] == ["first third", "second third", "last third"]
    assert [third.trials for third in thirds] == [len(trials(told[i : i + 2])) for i in (0, 2, 4)]
    assert overall.trials == len(trials(told))


def test_too_little_is_said_not_guessed(search):
    told = generations(story_of(search(members=3, generations=2)))
    overall = importances(told, table=table_of(told, GPT), method="ped-anova")[0]
    assert overall.genes == ()
    assert "at least 10 are needed" in overall.reason


def story_of(events):
    from orchestrator.story.telling import told as tell

    return tell(events)


def table_of(told, space):
    genes = logged_genes(json.loads(json.dumps(space.to_json())), where="log")
    return genome_table(genes, (order for generation in told for order in generation.orders))
