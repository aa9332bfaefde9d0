import copy

import pyarrow as pa

from orchestrator.story.population_table import population_table
from orchestrator.story.telling import Story, told


def test_there_is_one_row_for_each_interval_with_its_genome(tale):
    story = told(tale)
    rows = population_table(story).to_pylist()
    assert [(r["generation"], r["member"]) for r in rows] == sorted(
        (generation, member) for member, generation in story.reports
    )
    for row in rows:
        point = row["member"], row["generation"]
        report, order = story.reports[point], story.orders[point]
        assert row["genome"] == report.digest == order.digest
        assert row["loss"] == report.nats_per_token
        assert row["tokens"] == report.ledger.tokens
        assert row["gene.num_heads"] == order.genome["architecture"]["num_heads"]
        assert row["gene.learning_rate"] == order.genome["protocol"]["learning_rate"]
        score = story.scores.get(point)
        assert row["fitness"] == (None if score is None else score.fitness)


def test_fixed_columns_have_the_same_types_in_an_empty_search(tale):
    full, empty = population_table(told(tale)).schema, population_table(Story()).schema
    assert empty.names
    assert all(full.field(name).type == empty.field(name).type for name in empty.names)


def test_genes_with_values_of_several_types_are_json(tale):
    story = told(copy.deepcopy(tale))
    for place, order in story.orders.items():
        order.genome["protocol"]["own"] = "x" if place[0] else 3
    column = population_table(story).column("gene.own")
    assert column.type == pa.string()
    assert set(column.to_pylist()) == {"3", '"x"'}
