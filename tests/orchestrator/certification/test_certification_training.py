"""A certification on the real trainers: pairs share their data, and a schedule is the lineage."""

import pydoc_data.topics
import textwrap
from dataclasses import replace

import pytest

from orchestrator.certification import Arm, Part, Plan, certificate_of
from orchestrator.events import Ledger
from orchestrator.member_host import MemberHost, NoExchange
from orchestrator.tasks import Train
from search_spaces.genome import Genome
from search_spaces.gpt.space import GPT
from trainers.data import CorpusSpec, SourceSpec, prepare_corpus
from trainers.settings import TrainerSettings

CONTEXT, INTERVAL = 16, 256


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    directory = tmp_path_factory.mktemp("corpus")
    topics = "\n\n".join(textwrap.dedent(t) for t in pydoc_data.topics.topics.values())
    (directory / "text.txt").write_text(topics[:400_000], encoding="utf-8")
    spec = CorpusSpec(
        sources=(SourceSpec.file(str(directory / "text.txt")),), context_length=CONTEXT
    )
    return prepare_corpus(spec, directory / "cache")


@pytest.fixture(scope="module")
def genome(corpus):
    space = GPT.with_constants(vocab_size=corpus.vocab_size, context_length=CONTEXT)
    small = space.with_genes(
        space.default(), {"num_layers": 1, "d_model": 32, "batch_tokens": 512, "dropout": 0.1}
    )
    return space.repair(small).genome


@pytest.fixture
def train(corpus, tmp_path, rehearsal):
    """Train a plan's members on a host, or on a new one for each answer; return the tally."""

    def make(arms, *, replicates=2, hosts=1, name="log"):
        plan = Plan(
            arms=arms,
            seed=3,
            replicates=replicates,
            tokens=sum(part.tokens for part in arms[0].parts),
            winner_tokens=4 * INTERVAL,
            interval_tokens=INTERVAL,
            horizon_tokens=4 * INTERVAL,
        )
        settings = TrainerSettings(
            seed=3,
            horizon_tokens=4 * INTERVAL,
            evaluation_sequences=2,
            evaluation_batches=2,
            heldout_batches=2,
            utility_every=0,
        )
        places = [
            MemberHost(
                corpus=corpus,
                settings=settings,
                checkpoints=tmp_path / f"checkpoints-{name}",
                exchange=NoExchange(),
                worker=number,
            )
            for number in range(hosts)
        ]
        turn = 0

        def answer(task):
            nonlocal turn
            turn += 1
            host = places[turn % hosts]
            report = host.run(task)
            host.flush()
            return report

        tally = rehearsal(tmp_path / name, plan, answer=answer, order=1).run()
        for host in places:
            host.close()
        return tally

    return make


def arm(name, *genomes, tokens=4 * INTERVAL):
    share = tokens // len(genomes)
    return Arm(name=name, parts=tuple(Part(tokens=share, genome=genome) for genome in genomes))


def test_arms_of_a_seed_train_on_the_same_data_and_seeds_differ(train, genome):
    tally = train((arm("winner", genome), arm("default", genome)))
    winner, default = certificate_of(tally).arms
    assert winner.bits_per_byte == default.bits_per_byte
    assert len(set(winner.bits_per_byte)) == 2
    first, second = (tally.reports[m].losses for m in (0, 2))
    assert first == tally.reports[1].losses
    assert first != second


def test_a_schedule_is_trained_alike_in_memory_and_from_checkpoints(train, genome):
    heads = tuple(heads + 1 for heads in genome.architecture.num_heads)
    wider = replace(genome.architecture, d_ff=(640,), num_heads=heads, num_kv_heads=heads)
    child = Genome(wider, replace(genome.protocol, learning_rate=1e-3))
    arms = (arm("schedule", genome, child), arm("default", genome))
    one, many = train(arms, hosts=1), train(arms, hosts=3, name="many")
    assert {m: s.losses for m, s in one.assessed.items()} == {
        m: s.losses for m, s in many.assessed.items()
    }
    schedule, default = certificate_of(one).arms
    assert schedule.parameters > default.parameters
    assert one.assessed[0].losses != one.assessed[1].losses
    morphed = one.reports[0]
    assert morphed.digest == child.digest
    assert one.reports[0].ledger.tokens == one.reports[1].ledger.tokens == 4 * INTERVAL


def test_a_change_of_protocol_alone_takes_effect(train, genome):
    """The genome, not the member's number, decides whether it goes on unchanged."""
    slower = Genome(genome.architecture, replace(genome.protocol, learning_rate=1e-6))
    arms = (arm("schedule", genome, slower), arm("default", genome))
    tally = train(arms, replicates=1)
    schedule, default = certificate_of(tally).arms
    assert schedule.bits_per_byte[0] > default.bits_per_byte[0] + 0.001


def test_a_task_s_data_seed_takes_the_place_of_the_run_s(corpus, genome, tmp_path):
    def losses(data_seed, *, generations=1):
        source, ledger = None, Ledger()
        for generation in range(generations):
            host = MemberHost(  # each goes on in a process of its own, from the checkpoint
                corpus=corpus,
                settings=TrainerSettings(
                    seed=3, horizon_tokens=1024, evaluation_sequences=2, evaluation_batches=2
                ),
                checkpoints=tmp_path / f"{data_seed}-{generations}",
                exchange=NoExchange(),
                worker=0,
            )
            task = Train(
                member=0,
                generation=generation,
                genome=genome,
                source=source,
                tokens=INTERVAL,
                ledger=ledger,
                seed=11,
                data_seed=data_seed,
            )
            report = host.run(task)
            host.flush()
            host.close()
            source, ledger = task.key, report.ledger
        return report.losses

    assert losses(3) == losses(None)
    assert losses(4) != losses(3)
    assert losses(3, generations=2) == losses(None, generations=2)
    assert losses(4, generations=2) != losses(3, generations=2)


def test_the_data_seed_is_part_of_what_a_checkpoint_answers_to(genome):
    def digest(**options):
        return Train(
            member=0,
            generation=0,
            genome=genome,
            source=None,
            tokens=INTERVAL,
            ledger=Ledger(),
            seed=11,
            **options,
        ).digest

    assert digest() == digest(data_seed=None)
    assert len({digest(), digest(data_seed=1), digest(data_seed=2)}) == 3
