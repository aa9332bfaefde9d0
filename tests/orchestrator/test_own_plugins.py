"""Users' own plug-ins that raise, or break their contract, in the middle of a search."""

import pytest

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.events import SearchFinished
from orchestrator.fitness import FitnessRule
from orchestrator.horizon import PresentLoss
from orchestrator.own_plugins import OwnEstimator, OwnPolicy, OwnProposer
from orchestrator.proposers import WeightedProposer, WeightedProposers
from orchestrator.selection import Keep, ReplaceBy, Truncation


class Own:
    """One plug-in for every contract; what it does is the test's."""

    def __init__(self, act):
        self.select = self.propose = self.estimate = act
        self.observe = lambda observations: None


def failing(*args, **kwargs):
    raise RuntimeError("of the user's own making")


def rules_with(rules, act, kind):
    plain = rules()
    where = f"{kind}: my_module:Own"
    match kind:
        case "policy":
            return rules(policy=OwnPolicy(policy=Own(act), where=where))
        case "proposer":
            own = OwnProposer(proposer=Own(act), where=where, space=plain.space)
            entry = WeightedProposer(name="own", proposer=own, weight=1.0)
            return rules(proposers=WeightedProposers((entry,)))
        case _:
            return rules(fitness=FitnessRule(horizon=OwnEstimator(estimator=Own(act), where=where)))


@pytest.mark.parametrize("kind", ["policy", "proposer", "estimator"])
def test_what_a_plugin_raises_is_its_own_fault_and_loses_nothing(tmp_path, simulation, rules, kind):
    path = tmp_path / LOG_NAME
    with pytest.raises(UserError, match=r"it raised RuntimeError: of the user's own") as error:
        simulation(path, rules_with(rules, failing, kind)).run()
    assert error.value.where == f"{kind}: my_module:Own"
    assert "test_own_plugins.py:" in str(error.value)
    assert "masga resume" in error.value.remedy
    events = simulation(path, rules()).run()  # mended: it goes on
    assert events == simulation(tmp_path / "other.jsonl", rules()).run()
    assert isinstance(events[-1], SearchFinished)


@pytest.mark.parametrize(
    ("kind", "act", "law"),
    [
        ("policy", lambda candidates, **kw: None, "a decision for each"),
        ("policy", lambda candidates, **kw: {}, "a decision for each"),
        ("policy", lambda candidates, *, due, **kw: dict.fromkeys(due, "keep"), "Keep, or Replace"),
        ("policy", lambda candidates, *, due, **kw: dict.fromkeys(due, ReplaceBy(donor=77)), "Keep, or"),
        ("policy", lambda candidates, *, due, **kw: {m: ReplaceBy(donor=m) for m in due}, "another"),
        ("proposer", lambda request, rng: None, "a Genome"),
        ("estimator", lambda histories, *, horizon_tokens: 3.0, "a tuple of 6 HorizonEstimate"),
        ("estimator", lambda histories, *, horizon_tokens: (), "one a history"),
        ("estimator", lambda histories, *, horizon_tokens: (3.0,) * 6, "6 HorizonEstimate"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_the_contract_is_told(tmp_path, simulation, rules, kind, act, law):
    with pytest.raises(UserError, match=f"a plug-in gives .*{law}"):
        simulation(tmp_path / LOG_NAME, rules_with(rules, act, kind)).run()


def test_an_infeasible_genome_is_never_launched(tmp_path, simulation, rules):
    other = rules().space.with_constants(vocab_size=512)
    act = lambda request, rng: other.sample(rng)  # noqa: E731 - a plug-in's method
    with pytest.raises(UserError, match=r"a feasible genome: constant 'vocab_size' is 64"):
        simulation(tmp_path / LOG_NAME, rules_with(rules, act, "proposer")).run()


def test_a_plugin_that_keeps_its_contract_is_let_be(tmp_path, simulation, rules):
    own = rules(policy=OwnPolicy(policy=Truncation(), where="p"))
    estimator = OwnEstimator(estimator=PresentLoss(), where="h")
    events = simulation(tmp_path / "a.jsonl", own).run()
    assert events == simulation(tmp_path / "b.jsonl", rules()).run()
    own = rules(fitness=FitnessRule(horizon=estimator))
    assert events == simulation(tmp_path / "c.jsonl", own).run()


def test_all_may_be_kept_when_nobody_lives(rules, tmp_path, simulation):
    policy = Own(lambda candidates, *, due, **kw: dict.fromkeys(due, Keep()))
    everyone_fails = lambda task: task.generation == 0  # noqa: E731
    own = rules(policy=OwnPolicy(policy=policy, where="p"))
    events = simulation(tmp_path / LOG_NAME, own, fails=everyone_fails).run()
    assert isinstance(events[-1], SearchFinished)
