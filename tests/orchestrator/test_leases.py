"""No task is lost and none is done by the dead, whatever workers, nodes and messages do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.event_log import EventLog
from orchestrator.journal import Journal
from orchestrator.leases import Leases
from orchestrator.search import Search
from orchestrator.tasks import StateKey
from tests.orchestrator.leased_work import life, task

STALL = 60.0


def taken(leases, who, resident=()):
    """Take until nothing is left; return the members with how many died of each."""
    found = {}
    while (lease := leases.take(who, resident)) is not None:
        found[lease.task.member] = lease.lost
    return found


@pytest.fixture
def leases():
    made = Leases(STALL)
    made.attend(living=frozenset({"here", "there"}), draining=frozenset())
    return made


def test_a_silent_workers_tasks_go_to_another_and_nobody_died_of_them(leases):
    leases.begin(life(0), (), now=0.0)
    leases.begin(life(1), (), now=0.0)
    leases.post([task(0), task(1)])
    assert leases.take(life(0), ()).task.member == 0
    for now in range(10, 101, 10):
        leases.hear(life(1), (), now=float(now))
        found = leases.check(float(now))
        assert found == ((0,) if now == 70 else ())
    assert leases.silent == {0}
    assert leases.workers == 1
    assert taken(leases, life(1)) == {0: 0, 1: 0}
    assert leases.take(life(0), ()) is None  # it may wake any time: not before it begins anew
    leases.begin(life(0), [task(0).name], now=101.0)
    assert leases.silent == frozenset()
    leases.post([task(2)])
    assert taken(leases, life(0)) == {2: 0}


def test_three_stalls_are_no_death_of_a_worker(leases):
    leases.post([task(0)])
    for at in range(3):
        leases.check(at * 100.0)
        leases.begin(life(at), (), now=at * 100.0)
        assert leases.take(life(at), ()).lost == 0
        for later in range(10, 71, 10):
            leases.check(at * 100.0 + later)
    leases.begin(life(9), (), now=400.0)
    assert leases.take(life(9), ()).lost == 0


def test_the_time_that_the_asker_slept_is_no_silence(leases):
    leases.begin(life(0), (), now=0.0)
    leases.check(0.0)
    assert leases.check(1000.0) == ()  # the whole machine slept
    assert leases.check(1015.0) == ()
    assert leases.check(1030.0) == ()
    assert leases.check(1045.0) == ()
    assert leases.check(1046.0) == (0,)


def test_without_a_limit_nobody_is_silent():
    leases = Leases(None)
    leases.begin(life(0), (), now=0.0)
    assert all(leases.check(float(now)) == () for now in range(0, 10_000, 10))


@pytest.mark.parametrize(
    ("living", "draining", "lost"),
    [({"here"}, {}, 1), ({"here"}, {"here"}, 0), ({"there"}, {}, 0)],
)
def test_a_death_counts_unless_the_node_goes_too(leases, living, draining, lost):
    leases.begin(life(0), (), now=0.0)
    leases.post([task(0), task(1)])
    taken(leases, life(0))
    leases.attend(living=frozenset(living), draining=frozenset(draining))
    leases.release(0)
    leases.attend(living=frozenset({"there"}), draining=frozenset())
    leases.begin(life(1, node="there"), (), now=1.0)
    assert taken(leases, life(1, node="there")) == {0: 0, 1: lost}  # 0 was done, though not told


def test_a_draining_node_gets_no_more_tasks(leases):
    leases.begin(life(0), (), now=0.0)
    leases.post([task(0)])
    leases.attend(living=frozenset({"here"}), draining=frozenset({"here"}))
    assert leases.must_leave(life(0))
    assert leases.take(life(0), ()) is None
    leases.begin(life(1, node="there"), (), now=0.0)
    assert taken(leases, life(1, node="there")) == {0: 0}


def test_what_was_handed_out_and_never_arrived_is_handed_out_again(leases):
    leases.begin(life(0), (), now=0.0)
    leases.post([task(0), task(1)])
    taken(leases, life(0))
    leases.begin(life(0), [task(1).name], now=1.0)  # the reply with task 0 was lost
    assert taken(leases, life(0)) == {0: 0}


def test_a_mailbox_that_forgot_all_learns_who_holds_what():
    forgetful = Leases(STALL)
    before = Leases(STALL)
    before.begin(life(0), (), now=0.0)
    before.post([task(0)])
    holding = before.take(life(0), ())
    forgetful.post([task(0), task(1)])  # the driver tells of all that is open
    forgetful.hear(life(0), [holding], now=1.0)
    forgetful.begin(life(1), (), now=1.0)
    assert taken(forgetful, life(1)) == {1: 0}
    forgetful.release(0)
    assert taken(forgetful, life(1)) == {0: 1}


def test_tasks_that_are_answered_are_forgotten(leases):
    leases.post([task(0), task(1)])
    leases.begin(life(0), (), now=0.0)
    leases.settle([task(0).name])
    assert taken(leases, life(0)) == {1: 0}
    leases.settle([task(1).name])
    leases.begin(life(0, "second"), (), now=0.0)
    assert taken(leases, life(0, "second")) == {}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 3))
def test_the_first_task_at_home_comes_first(sources, home):
    leases = Leases()
    tasks = [task(n, StateKey(source, 0)) for n, source in enumerate(sources)]
    leases.post(tasks)
    leases.begin(life(), (), now=0.0)
    order = list(taken(leases, life(), [StateKey(home, 0)]))
    assert order == sorted(range(len(sources)), key=lambda n: (sources[n] != home, n))


def race(search, leases, answer, *, seconds):
    """Let workers of different speeds do a search; return how far members were apart, at most.

    Args:
        seconds: Of an interval, by worker.
    """
    leases.post(search.begin())
    apart, ends, at_home = 0, [0.0] * len(seconds), [[] for _ in seconds]
    in_hand = [None] * len(seconds)
    for worker, _ in enumerate(seconds):
        leases.begin(life(worker), (), now=0.0)
        in_hand[worker] = leases.take(life(worker), ())
        ends[worker] = seconds[worker]
    while any(in_hand):
        worker = min((w for w, lease in enumerate(in_hand) if lease), key=lambda w: ends[w])
        now, done = ends[worker], in_hand[worker].task
        at_home[worker].append(done.key)
        leases.post(search.receive(answer(done)))
        leases.begin(life(worker), [done.name], now=now)
        ages = [record.order.generation for record in search.records]
        apart = max(apart, max(ages) - min(ages))
        for free in [w for w, lease in enumerate(in_hand) if lease is None or w == worker]:
            in_hand[free] = leases.take(life(free), at_home[free])
            ends[free] = now + seconds[free]
    assert search.finished
    return apart


@pytest.mark.parametrize(
    ("spread", "apart"),
    [(None, range(6, 9)), (1, range(4))],  # without a limit the fast one keeps its own
)
def test_members_stay_abreast_however_fast_a_worker_is(rules, answer, tmp_path, spread, apart):
    with EventLog(tmp_path / "events.jsonl") as log:
        journal = Journal(log, lambda *_: None)
        search = Search(rules(mode="asynchronous", members=8, generations=8), journal)
        assert race(search, Leases(spread=spread), answer, seconds=[1.0, 0.2]) in apart


class Disturbed(RuleBasedStateMachine):
    """Workers 0-2 on nodes a and b; everything that may happen, in any order."""

    def __init__(self):
        super().__init__()
        self.now, self.posted, self.answered = 0.0, {}, set()
        self.leases = Leases(STALL)
        self.lives = {}  # worker -> its life, if it lives
        self.in_hand = {}  # what the worker itself knows that it holds
        self.dead = []
        self.count = 0
        self.leases.attend(living=frozenset("ab"), draining=frozenset())

    workers = st.integers(0, 2)

    @rule(n=st.integers(1, 4))
    def post(self, n):
        new = [task(len(self.posted) + i) for i in range(n)]
        self.posted |= {t.name: t for t in new}
        self.leases.post(new)

    @rule()
    def post_again(self):
        self.leases.post([t for name, t in self.posted.items() if name not in self.answered])

    @rule(worker=workers, node=st.sampled_from("ab"))
    def born(self, worker, node):
        self.count += 1
        self.dead += [self.lives[worker]] if worker in self.lives else []
        self.lives[worker] = life(worker, str(self.count), node)
        self.in_hand[worker] = []
        self.leases.begin(self.lives[worker], (), now=self.now)

    @rule(worker=workers)
    def takes(self, worker):
        if worker in self.lives:
            lease = self.leases.take(self.lives[worker], ())
            if lease is not None:
                assert worker not in self.leases.silent
                self.in_hand[worker].append(lease)

    @rule()
    def the_dead_ask_for_tasks(self):
        assert all(self.leases.take(ghost, ()) is None for ghost in self.dead)

    @rule(worker=workers)
    def reports(self, worker):
        if worker in self.lives:
            told = [lease.task.name for lease in self.in_hand[worker]]
            self.answered |= set(told)
            self.leases.begin(self.lives[worker], told, now=self.now)
            self.in_hand[worker] = []

    @rule(worker=workers)
    def dies(self, worker):
        if worker in self.lives:
            self.dead.append(self.lives.pop(worker))
            self.in_hand[worker] = []
            self.leases.release(worker)

    @rule(seconds=st.floats(1, 29))
    def time_passes(self, seconds):
        self.now += seconds
        self.leases.check(self.now)

    @rule(worker=workers)
    def beats(self, worker):
        if worker in self.lives:
            self.leases.hear(self.lives[worker], self.in_hand[worker], now=self.now)

    @rule()
    def mailbox_dies(self):
        self.leases = Leases(STALL)
        self.leases.attend(living=frozenset("ab"), draining=frozenset())
        self.post_again()

    @rule(draining=st.sampled_from(["", "a", "b"]))
    def nodes_change(self, draining):
        self.leases.attend(living=frozenset("ab"), draining=frozenset(draining))

    @invariant()
    def no_task_is_lost(self):
        waiting = set(self.leases._waiting)
        held = {n for leases in self.leases._held.values() for n in leases}
        assert set(self.posted) - self.answered <= waiting | held
        assert all(w in self.leases._present for w, h in self.leases._held.items() if h)

    def teardown(self):
        """In the end one worker alone can do all that is open."""
        self.leases.attend(living=frozenset("ab"), draining=frozenset())
        for worker in list(self.lives):
            self.dies(worker)
        last = life(0, "last", "a")
        self.leases.begin(last, (), now=self.now)
        assert set(self.posted) - self.answered <= {task(m).name for m in taken(self.leases, last)}


TestDisturbed = Disturbed.TestCase
