"""The mailbox hands every task to one living worker, whoever died when."""

import asyncio

from orchestrator.adapters.mailbox import Closed, Leaving, Mailbox
from orchestrator.tasks import StateKey
from tests.orchestrator.leased_work import life, task


def run(course):
    return asyncio.run(asyncio.wait_for(course, timeout=30))


def test_a_task_is_not_handed_to_a_worker_that_died_waiting():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(life(incarnation="first life"), ())
        dead = asyncio.create_task(mailbox.lease(life(incarnation="first life"), (), wait=True))
        await asyncio.sleep(0)
        await mailbox.begin(life(incarnation="second life"), ())
        waiting = asyncio.create_task(mailbox.lease(life(incarnation="second life"), (), wait=True))
        await asyncio.sleep(0)
        await mailbox.post([task(3)], frozenset())
        assert await dead is None
        lease = await waiting
        assert lease.task.member == 3
        assert lease.lost == 0

    run(course())


def test_a_task_that_a_dying_worker_took_is_given_back_to_its_next_life():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(life(incarnation="first life"), ())
        await mailbox.post([task(0), task(1)], frozenset())
        first = await mailbox.lease(life(incarnation="first life"), (), wait=True)
        second = await mailbox.lease(life(incarnation="first life"), (), wait=False)
        await mailbox.begin(life(incarnation="second life"), ())
        again = [
            await mailbox.lease(life(incarnation="second life"), (), wait=False) for _ in range(2)
        ]
        assert {lease.task for lease in again} == {first.task, second.task}
        assert {lease.task.member: lease.lost for lease in again} == {
            first.task.member: 0,  # done, though not told
            second.task.member: 1,  # in hand
        }
        assert await mailbox.lease(life(incarnation="second life"), (), wait=False) is None

    run(course())


def test_what_a_worker_has_told_is_not_given_back():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(life(incarnation="life"), ())
        await mailbox.post([task(0)], frozenset())
        lease = await mailbox.lease(life(incarnation="life"), (), wait=True)
        await mailbox.begin(
            life(incarnation="life"), [lease.task.name]
        )  # the next step: it was taken
        await mailbox.begin(life(incarnation="next life"), ())
        assert await mailbox.lease(life(incarnation="next life"), (), wait=False) is None

    run(course())


def test_tasks_go_first_to_where_their_state_is():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(life(incarnation="life"), ())
        here, there = StateKey(5, 0), StateKey(6, 0)
        await mailbox.post([task(6, there), task(5, here)], frozenset({here, there}))
        assert (await mailbox.lease(life(incarnation="life"), (here,), wait=True)).task.member == 5
        assert (await mailbox.lease(life(incarnation="life"), (here,), wait=True)).task.member == 6

    run(course())


def test_states_that_nobody_needs_are_forgotten():
    async def course():
        mailbox = Mailbox()
        keep, drop = StateKey(0, 0), StateKey(1, 0)
        for key in (keep, drop):
            await mailbox.offer(key, ["reference"], 0)
        await mailbox.post([], frozenset({keep}))
        assert await mailbox.locate(keep) == ["reference"]
        assert await mailbox.locate(drop) == []

    run(course())


def test_closing_lets_those_who_wait_go():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(life(incarnation="life"), ())
        waiting = asyncio.create_task(mailbox.lease(life(incarnation="life"), (), wait=True))
        await asyncio.sleep(0)
        await mailbox.close()
        assert isinstance(await waiting, Closed)

    run(course())


def test_who_waits_on_a_node_that_goes_is_told_to_leave():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(life(), ())
        waiting = asyncio.create_task(mailbox.lease(life(), (), wait=True))
        await asyncio.sleep(0)
        await mailbox.attend(frozenset({"here"}), frozenset({"here"}))
        assert isinstance(await waiting, Leaving)

    run(course())


def test_who_is_not_known_is_told_to_begin_anew():
    async def course():
        mailbox = Mailbox()
        assert await mailbox.lease(life(), (), wait=True) is None  # the mailbox was lost
        await mailbox.begin(life(), ())
        await mailbox.post([task(0)], frozenset())
        assert (await mailbox.lease(life(), (), wait=True)).task.member == 0

    run(course())


def test_every_mailbox_has_a_birth_of_its_own():
    async def course():
        one, other = Mailbox(), Mailbox()
        born = await one.post([], frozenset())
        assert born == await one.post([], frozenset()) == (await one.status()).birth
        assert born != (await other.status()).birth

    run(course())


def test_states_of_a_silent_worker_are_not_asked_for(monkeypatch):
    async def course():
        clock = 0.0
        monkeypatch.setattr("orchestrator.adapters.mailbox.time.monotonic", lambda: clock)
        mailbox = Mailbox(10.0)
        await mailbox.begin(life(), ())
        await mailbox.offer(StateKey(0, 0), ["reference"], 0)
        for now in range(0, 11, 2):
            clock = float(now)
            assert (await mailbox.status()).silent == frozenset()
            assert await mailbox.locate(StateKey(0, 0)) == ["reference"]
        clock = 12.0
        assert (await mailbox.status()).silent == {0}
        assert await mailbox.locate(StateKey(0, 0)) == []  # its checkpoint serves
        await mailbox.begin(life(), ())
        assert await mailbox.locate(StateKey(0, 0)) == ["reference"]

    run(course())
