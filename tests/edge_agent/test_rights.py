"""The rights list ends where the cloud's list is, whatever was sent, lost, doubled or restarted."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent import rights
from edge_agent.clock import TrustedClock
from edge_agent.index import RightsIndex, seen_from
from edge_agent.keeper import PART_WITHIN_MS, RightsKeeper
from edge_agent.store import Store
from protocols import sealed
from protocols.portable import access, macs
from protocols.rights_hash import rights_hash
from protocols.site import RightsList
from tests.edge_agent.stand import SITE, SITE_KEY, a_delta, a_full, a_right, now_ms, tag_of
from tests.support.engines import scratch_folder


class HandClock:
    """Stands until it is moved."""

    is_driven = False

    def __init__(self) -> None:
        # The lists of the stand are issued now.
        self.wall_ms = now_ms()
        self.passed_ms = 0

    def now_ms(self) -> int:
        return self.wall_ms

    def up_ms(self) -> int:
        return self.passed_ms

    def advance(self, ms) -> None:
        self.wall_ms += ms
        self.passed_ms += ms


class Site:
    """A keeper over a real file, and the store's owner running."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self._folder = folder
        self.changes = 0

    @contextlib.asynccontextmanager
    async def started(self):
        store = Store(self._folder / "agent.sqlite3")
        owner = asyncio.create_task(store.run_forever())
        clock = TrustedClock(self.clock)
        keeper = RightsKeeper(store, clock, site=SITE, site_key=SITE_KEY, on_change=self._count)
        try:
            yield keeper
        finally:
            owner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await owner
            store.close()

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def site():
    with scratch_folder() as folder:
        yield Site(folder)


def wire(message: RightsList, key=SITE_KEY) -> bytes:
    return sealed.seal(key, macs.RIGHTS, message)


def held(keeper: RightsKeeper) -> set[str]:
    """Ids of all rights, as decisions find them."""
    return {entry[4] for n in range(40) for entry in keeper.index.entries(bytes.fromhex(tag_of(n)))}


def is_at(keeper: RightsKeeper, version: int, expected) -> bool:
    return (
        keeper.state.version == version
        and keeper.state.hash == rights_hash(expected)
        and keeper.state.count == keeper.index.count == len(expected)
        and held(keeper) == {right.id for right in expected}
    )


async def test_a_full_list_is_applied_when_all_its_parts_are_there(site):
    everything = [a_right(n) for n in range(10)]
    parts = a_full(everything, 5, parts=3)
    async with site.started() as keeper:
        for part in (parts[2], parts[0], parts[0]):
            await keeper.take(wire(part))
            assert keeper.state.version == 0
            assert not keeper.wants_full
        await keeper.take(wire(parts[1]))
        assert is_at(keeper, 5, everything)
    async with site.started() as keeper:
        assert is_at(keeper, 5, everything)
        assert keeper.problem is None


async def test_parts_that_stay_away_are_asked_for_again(site):
    async with site.started() as keeper:
        await keeper.take(wire(a_full([a_right(n) for n in range(4)], 1, parts=2)[0]))
        assert not keeper.wants_full
        site.clock.advance(PART_WITHIN_MS + 1)
        assert keeper.wants_full


async def test_differences_follow_one_by_one_and_are_kept(site):
    async with site.started() as keeper:
        one, two, other = a_right(1), a_right(2), a_right(1, until_s=9)
        await keeper.take(wire(a_full([one], 1)[0]))
        await keeper.take(wire(a_delta([one], 2, put=[two])))
        await keeper.take(wire(a_delta([one, two], 3, put=[other])))
        assert is_at(keeper, 3, [other, two])
        await keeper.take(wire(a_delta([other, two], 4, gone=["r2", "never-was"])))
        assert is_at(keeper, 4, [other])
    async with site.started() as keeper:
        assert is_at(keeper, 4, [other])


async def test_an_empty_difference_makes_the_list_young_again(site):
    async with site.started() as keeper:
        await keeper.take(wire(a_full([a_right(1)], 1, issued_at_ms=1000)[0]))
        await keeper.take(wire(a_delta([a_right(1)], 2, issued_at_ms=50_000)))
        assert is_at(keeper, 2, [a_right(1)])
        assert keeper.state.issued_at_ms == 50_000


async def test_a_difference_that_is_here_already_changes_nothing(site):
    async with site.started() as keeper:
        await keeper.take(wire(a_full([a_right(1)], 7)[0]))
        await keeper.take(wire(a_delta([], 7, put=[a_right(1)])))
        assert keeper.problem is None
        assert is_at(keeper, 7, [a_right(1)])


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (a_delta([a_right(1)], 4, put=[a_right(2)]), rights.PROBLEM_NOT_NEXT),
        (a_delta([a_right(1)], 2, put=[a_right(2)], base_version=0), rights.PROBLEM_NOT_NEXT),
        (a_delta([a_right(1)], 2, put=[a_right(2)], hash="0" * 64), rights.PROBLEM_HASH),
        (a_delta([a_right(1)], 2, put=[a_right(2)], site="oak-street"), rights.PROBLEM_FOREIGN),
        (a_delta([a_right(1)], 2, put=[a_right(2)], expires_at_ms=1), rights.PROBLEM_EXPIRED),
        (a_delta([a_right(1)], 2, put=[a_right(2)], parts=2), rights.PROBLEM_MALFORMED),
        (a_delta([a_right(1)], 2, put=[a_right(2, tag="zz")]), rights.PROBLEM_MALFORMED),
        (a_full([a_right(2)], 0)[0], rights.PROBLEM_NOT_NEXT),
        (a_full([a_right(2)], 2, part=3)[0], rights.PROBLEM_MALFORMED),
        (a_full([a_right(2)], 2, hash="1" * 64)[0], rights.PROBLEM_HASH),
        (a_full([a_right(2, tag="abcd")], 2)[0], rights.PROBLEM_MALFORMED),
    ],
    ids=range(11),
)
async def test_what_does_not_fit_is_refused_whole_and_the_full_list_asked_for(
    site, message, problem
):
    async with site.started() as keeper:
        await keeper.take(wire(a_full([a_right(1)], 1)[0]))
        await keeper.take(wire(message))
        assert keeper.problem == problem
        assert keeper.wants_full
        assert is_at(keeper, 1, [a_right(1)])
        await keeper.take(wire(a_full([a_right(3)], 9)[0]))
        assert (keeper.problem, keeper.wants_full) == (None, False)
        assert is_at(keeper, 9, [a_right(3)])


async def test_a_forged_list_is_refused(site):
    async with site.started() as keeper:
        await keeper.take(wire(a_full([a_right(1)], 1)[0], key=bytes(32)))
        assert keeper.problem == rights.PROBLEM_MAC
        tampered = wire(a_full([a_right(1)], 1)[0]).replace(b"elm", b"oak", 1)
        await keeper.take(tampered)
        assert keeper.problem == rights.PROBLEM_MAC
        await keeper.take(b"\x00 not a list")
        assert keeper.problem == rights.PROBLEM_MALFORMED
        assert keeper.state.version == 0


async def test_a_list_damaged_on_disk_serves_on_and_is_asked_for_anew(site):
    async with site.started() as keeper:
        await keeper.take(wire(a_full([a_right(1), a_right(2)], 1)[0]))
    store = Store(site._folder / "agent.sqlite3")
    store.read_now(lambda c: c.execute("DELETE FROM rights WHERE id = 'r2'"))
    store.close()
    async with site.started() as keeper:
        assert (keeper.problem, keeper.wants_full) == (rights.PROBLEM_HASH, True)
        assert held(keeper) == {"r1"}


class Cloud:
    """The cloud's list and how it brings a site to it."""

    def __init__(self) -> None:
        self.rights: dict[str, object] = {}
        self.version = 0
        self.deltas: list[RightsList] = []

    def change(self, put, gone) -> None:
        before = list(self.rights.values())
        self.version += 1
        self.deltas.append(a_delta(before, self.version, put=put, gone=gone))
        for id_ in gone:
            self.rights.pop(id_, None)
        self.rights |= {right.id: right for right in put}

    def full(self) -> list[RightsList]:
        return a_full(list(self.rights.values()), self.version, parts=2)


NUMBERS = st.integers(0, 9)
CHANGES = st.tuples(
    st.just("change"),
    st.lists(st.tuples(NUMBERS, st.integers(1, 3)), max_size=4),
    st.lists(NUMBERS, max_size=3),
)
STEPS = st.lists(
    CHANGES
    | st.tuples(st.sampled_from(["lose", "double", "swap", "full", "half", "restart", "old"])),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
async def test_any_course_of_events_ends_with_the_clouds_list(steps):
    cloud = Cloud()
    with scratch_folder() as folder:
        site = Site(folder)
        remaining = list(steps)
        while remaining or site.changes == 0:
            async with site.started() as keeper:
                while remaining:
                    step, *details = remaining.pop(0)
                    if step == "restart":
                        break
                    for message in sent(cloud, step, details):
                        await keeper.take(wire(message))
                # However it went, what the report asks for puts it right.
                if keeper.wants_full or keeper.state.version != cloud.version:
                    for part in cloud.full():
                        await keeper.take(wire(part))
                assert keeper.problem is None or cloud.version == 0
                assert is_at(keeper, cloud.version, list(cloud.rights.values()))
            site.changes += 1


def sent(cloud: Cloud, step: str, details) -> list[RightsList]:
    """The messages that reach the site when this happens."""
    if step in ("change", "lose", "double", "swap"):
        put, gone = details or ([(1, cloud.version)], [])
        made = {number: a_right(number, until_s=until) for number, until in put}
        cloud.change(list(made.values()), [f"r{n}" for n in gone if n not in made])
    if step == "lose":
        return []
    if step == "double":
        return [cloud.deltas[-1]] * 2
    if step == "swap":
        return cloud.deltas[-2:][::-1]
    if step == "old":
        return cloud.deltas[:1]
    if step == "full":
        return cloud.full()
    if step == "half":
        return cloud.full()[:1]
    return cloud.deltas[-1:]


def test_the_index_gives_each_tags_rights_as_they_start():
    late, early = a_right(1, id="late", from_s=50), a_right(1, id="early", from_s=5, lot="oak")
    index = RightsIndex([late, a_right(2), early])
    entries = index.entries(bytes.fromhex(tag_of(1)))
    assert [entry[4] for entry in entries] == ["early", "late"]
    flags = [flags for flags, _, _ in seen_from("elm", entries)]
    assert [bool(f & access.FLAG_OTHER_LOT) for f in flags] == [True, False]
    index.remove([early, late])
    assert (index.entries(bytes.fromhex(tag_of(1))), index.count) == ((), 1)
