"""A gate's own list: the useful rights first, in numbers that only rise."""

import asyncio
import contextlib

from edge_agent import rights as lists
from edge_agent.access import Lane
from edge_agent.gate_lists import GateLists, choose
from edge_agent.issuer import Issuer
from edge_agent.picture import Picture
from edge_agent.rights import ListState
from protocols.portable import access, codes, macs
from protocols.portable.packed_list import PackedList
from tests.edge_agent.stand import BOTH_WAYS, SITE_KEY, a_full, a_right, tag_of
from tests.edge_agent.test_access import MAX_AGE_MS, a_lane

NOW_S = 1_000_000


async def fill(store, rights) -> None:
    whole = a_full(rights, 1)[0]
    full = lists.assemble(whole, ListState())
    await store.run(lambda c: lists.store_full(c, full))


async def chosen(store, lane, most) -> list[str]:
    rows = await store.run(lambda c: choose(c, lane, NOW_S, most))
    numbers = {tag_of(n): n for n in range(50)}
    return [numbers[tag] for tag, *_ in rows]


async def test_staff_then_blocked_then_the_soonest_bookings_then_permits_then_known(store):
    def a(number, kind, extra=0, **fields):
        return a_right(number, flags=kind | BOTH_WAYS | extra, **fields)

    await fill(
        store,
        [
            a(1, codes.KNOWN),
            a(2, codes.PERMIT),
            a(3, codes.BOOKING, from_s=NOW_S + 500),
            a(4, codes.BOOKING, from_s=NOW_S + 100),
            a(5, codes.KNOWN, access.FLAG_BLOCKED, until_s=1),
            a(6, codes.STAFF),
            a(7, codes.BOOKING, until_s=NOW_S),
            a(8, codes.BOOKING, lot="oak"),
            a_right(9, flags=codes.BOOKING | access.FLAG_EXIT),
        ],
    )
    assert await chosen(store, a_lane(), 100) == [6, 5, 4, 3, 2, 1]
    assert await chosen(store, a_lane(), 3) == [6, 5, 4]
    assert await chosen(store, a_lane(codes.EXIT), 100) == [6, 5, 9, 4, 3, 2, 1]


class Situation:
    """What the lists are made of, to be changed by a test."""

    def __init__(self, lane: Lane, state: ListState) -> None:
        self.lane, self.state = lane, state

    def __call__(self):
        return Picture(1, 0, {self.lane.gate: self.lane}), self.state


@contextlib.asynccontextmanager
async def renewing(store, clock, situation):
    """Lists that are kept new; yields them and the queue of published gates."""
    issuer = Issuer(store, clock, SITE_KEY)
    made = GateLists(store, clock, issuer, entries_max=100, gather_s=0.001)
    published: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(made.run_forever(situation, published.put))
    try:
        yield made, published
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def packed(offer) -> PackedList:
    return PackedList(offer.data, macs.gate_key(SITE_KEY, "elm-in-1"))


async def test_a_list_is_made_anew_when_it_says_something_else(store, clock, hand_clock):
    state = ListState(version=1, issued_at_ms=hand_clock.now_ms(), expires_at_ms=2**60)
    situation = Situation(a_lane(), state)
    await fill(store, [a_right(1)])
    async with renewing(store, clock, situation) as (made, published):
        assert await published.get() == "elm-in-1"
        first = packed(made.offer("elm-in-1"))
        assert (first.count, first.lot_id, first.lot.state) == (1, "elm", codes.OPEN)
        assert first.expires_s == (state.issued_at_ms + MAX_AGE_MS) // 1000

        made.change()
        await fill(store, [a_right(1), a_right(2)])
        made.change()
        await published.get()
        second = packed(made.offer("elm-in-1"))
        assert (second.count, second.version > first.version) == (2, True)

        # The clock went back, as clocks do: number and date still rise for the gate.
        hand_clock.advance(-3_600_000)
        situation.lane = a_lane(lot=access.Lot(state=codes.FULL))
        made.change()
        await published.get()
        third = packed(made.offer("elm-in-1"))
        assert third.lot.state == codes.FULL
        assert third.version > second.version
        assert third.issued_s >= second.issued_s


async def test_a_list_that_would_say_the_same_is_left_alone_until_it_gets_old(
    store, clock, hand_clock
):
    issued_at_ms = hand_clock.now_ms()
    situation = Situation(a_lane(), ListState(version=1, issued_at_ms=issued_at_ms))
    await fill(store, [a_right(1)])
    async with renewing(store, clock, situation) as (made, published):
        await published.get()
        version = packed(made.offer("elm-in-1")).version
        situation.state = ListState(version=2, issued_at_ms=issued_at_ms + MAX_AGE_MS // 5)
        made.change()
        situation.state = ListState(version=3, issued_at_ms=issued_at_ms + MAX_AGE_MS // 3)
        made.change()
        await published.get()
        renewed = packed(made.offer("elm-in-1"))
        assert renewed.version > version
        assert renewed.expires_s == (situation.state.issued_at_ms + MAX_AGE_MS) // 1000
        assert published.empty()


async def test_offers_outlive_the_agent_and_parts_make_up_the_list(store, clock, hand_clock):
    state = ListState(version=1, issued_at_ms=hand_clock.now_ms())
    await fill(store, [a_right(n) for n in range(90)])
    async with renewing(store, clock, Situation(a_lane(), state)) as (made, published):
        await published.get()
        before = made.offer("elm-in-1")
    again = GateLists(store, clock, Issuer(store, clock, SITE_KEY), entries_max=9, gather_s=1)
    offer = again.offer("elm-in-1")
    assert offer.data == before.data
    version = offer.packed.version
    assert b"".join(offer.part(version, n)[8:] for n in range(offer.parts)) == offer.data
    assert offer.announcement().list_parts == offer.parts == 2
    assert offer.part(version, 2) is None
    assert offer.part(version, -1) is None
    assert offer.part(version - 1, 0) is None


async def test_without_any_list_from_the_cloud_no_gate_is_offered_one(store, clock):
    async with renewing(store, clock, Situation(a_lane(), ListState())) as (made, published):
        made.change()
        await asyncio.sleep(0.01)
        assert published.empty()
        assert made.offer("elm-in-1") is None
