"""The mailbox hands every task to one living worker, whoever died when."""

import asyncio

from orchestrator.adapters.mailbox import Closed, Mailbox
from orchestrator.events import Ledger
from orchestrator.tasks import StateKey, Train
from search_spaces.gpt.space import GPT


def task(member, source=None):
    return Train(
        member=member,
        generation=1,
        genome=GPT.default(),
        source=source,
        tokens=128,
        ledger=Ledger(),
        seed=0,
    )


def run(course):
    return asyncio.run(asyncio.wait_for(course, timeout=30))


def test_a_task_is_not_handed_to_a_worker_that_died_waiting():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(0, "first life")
        dead = asyncio.create_task(mailbox.lease(0, "first life", (), wait=True))
        await asyncio.sleep(0)
        await mailbox.begin(0, "second life")
        waiting = asyncio.create_task(mailbox.lease(0, "second life", (), wait=True))
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
        await mailbox.begin(0, "first life")
        await mailbox.post([task(0), task(1)], frozenset())
        first = await mailbox.lease(0, "first life", (), wait=True)
        second = await mailbox.lease(0, "first life", (), wait=False)
        await mailbox.begin(0, "second life")
        again = [await mailbox.lease(0, "second life", (), wait=False) for _ in range(2)]
        assert {lease.task for lease in again} == {first.task, second.task}
        assert {lease.task.member: lease.lost for lease in again} == {
            first.task.member: 0,  # done, though not told
            second.task.member: 1,  # in hand
        }
        assert await mailbox.lease(0, "second life", (), wait=False) is None

    run(course())


def test_what_a_worker_has_told_is_not_given_back():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(0, "life")
        await mailbox.post([task(0)], frozenset())
        await mailbox.lease(0, "life", (), wait=True)
        await mailbox.begin(0, "life")  # the next step: the reports of the last one were taken
        await mailbox.begin(0, "next life")
        assert await mailbox.lease(0, "next life", (), wait=False) is None

    run(course())


def test_tasks_go_first_to_where_their_state_is():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(0, "life")
        here, there = StateKey(5, 0), StateKey(6, 0)
        await mailbox.post([task(6, there), task(5, here)], frozenset({here, there}))
        assert (await mailbox.lease(0, "life", (here,), wait=True)).task.member == 5
        assert (await mailbox.lease(0, "life", (here,), wait=True)).task.member == 6

    run(course())


def test_states_that_nobody_needs_are_forgotten():
    async def course():
        mailbox = Mailbox()
        keep, drop = StateKey(0, 0), StateKey(1, 0)
        for key in (keep, drop):
            await mailbox.offer(key, ["reference"])
        await mailbox.post([], frozenset({keep}))
        assert await mailbox.locate(keep) == ["reference"]
        assert await mailbox.locate(drop) == []

    run(course())


def test_closing_lets_those_who_wait_go():
    async def course():
        mailbox = Mailbox()
        await mailbox.begin(0, "life")
        waiting = asyncio.create_task(mailbox.lease(0, "life", (), wait=True))
        await asyncio.sleep(0)
        await mailbox.close()
        assert isinstance(await waiting, Closed)

    run(course())
