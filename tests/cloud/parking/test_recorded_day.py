"""Whole days through the stay consumer: the same stays and fees, however the events arrive."""

import os
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.devices.events import StoredEvent
from cloud.kit.clock import from_ms
from protocols.portable import codes
from simulators.traffic import Visit, recorded_day, recorded_days
from tests.cloud.parking.conftest import Driver, Gate, World, make_lot

DATA = Path(os.environ.get("CURB_RECORDINGS_DIR", "../shared/data")) / "parking" / "thsparking"
P7 = DATA / "P7.csv.gz"
MINUTE = timedelta(minutes=1)


class Lot:
    """A lot of its own, with drivers of its own: what happens here touches nothing else."""

    def __init__(self, world: World, name: str, drivers: Sequence[Driver]) -> None:
        self.world = world
        self.name = name
        self.drivers = drivers

    @classmethod
    async def make(cls, world: World, purses: Sequence[int]) -> "Lot":
        """purses: the money of each driver, in cents."""
        name = f"lot-{world.kit.ids.new().hex[-12:]}"
        await make_lot(world, name)
        return cls(world, name, [await world.driver(cents) for cents in purses])

    def tells(self, visits: Sequence[Visit]) -> list[StoredEvent]:
        """What one gate in and one gate out tell of these visits, each gate in its own order."""
        gates = {
            codes.ENTRY: Gate(f"{self.name}-in-1", codes.ENTRY),
            codes.EXIT: Gate(f"{self.name}-out-1", codes.EXIT),
        }
        moves = sorted(
            [(v.arrives_at_ms, codes.ENTRY, v.car) for v in visits]
            + [(v.leaves_at_ms, codes.EXIT, v.car) for v in visits]
        )
        told: list[StoredEvent] = []
        for at_ms, direction, car in moves:
            reason = codes.WALK_UP if direction == codes.ENTRY else codes.EXIT_VALID
            uid = self.drivers[car].uid
            told += gates[direction].lets_through(from_ms(at_ms), uid, reason)
        return told

    async def stays(self) -> list[tuple[Any, ...]]:
        """Everything about the stays that must not depend on how the events arrived."""
        cars = {driver.tag.tag_key: car for car, driver in enumerate(self.drivers)}
        rows = await self.world.rows(
            "SELECT tag_key, state, basis, entry_at, exit_at, fee_cents, lines,"
            " paid_cents + owed_cents AS settled FROM stays WHERE lot = $1"
            " ORDER BY entry_at, exit_at",
            self.name,
        )
        return [(cars[row.pop("tag_key")], *row.values()) for row in rows]

    async def oddities(self) -> list[tuple[Any, ...]]:
        """Open exceptions; whether a decision is disputed may depend on what was known then."""
        rows = await self.world.rows(
            "SELECT kind, at FROM parking_exceptions WHERE state = 'open' AND lot = $1"
            " AND kind NOT IN ('decision_disputed', 'stay_owes') ORDER BY kind, at",
            self.name,
        )
        return [tuple(row.values()) for row in rows]

    async def fees_and_settled(self) -> tuple[int, int]:
        """The sums of the fees, and of what was paid or is owed for them."""
        (row,) = await self.world.rows(
            "SELECT coalesce(sum(fee_cents), 0)::bigint AS fees,"
            " coalesce(sum(paid_cents + owed_cents), 0)::bigint AS settled"
            " FROM stays WHERE lot = $1",
            self.name,
        )
        return row["fees"], row["settled"]


async def ledger_sums(world: World) -> set[int]:
    rows = await world.rows(
        "SELECT sum(amount_minor)::bigint AS total FROM ledger_postings GROUP BY transaction_id"
    )
    return {row["total"] for row in rows}


@pytest.mark.skipif(not P7.exists(), reason=f"{P7} is not here")
async def test_a_recorded_day_of_p7_gives_the_same_stays_and_fees_again(world: World) -> None:
    # The first 40 arrivals: a whole day takes a minute and shows nothing more.
    visits = recorded_day(P7, recorded_days(P7)[120], spaces=20)[:40]
    assert len(visits) == 40
    runs = []
    for _ in range(2):
        lot = await Lot.make(world, [0] * (max(v.car for v in visits) + 1))
        await world.take(*lot.tells(visits))
        runs.append(await lot.stays())
        fees, settled = await lot.fees_and_settled()
        assert fees == settled > 0
    first, second = runs
    assert len(first) == len(visits)
    assert first == second
    assert await ledger_sums(world) == {0}


def visits_of(plan: Iterable[tuple[int, int, int]]) -> list[Visit]:
    """Visits from (car, pause before, length) in minutes; a car is in one place at a time."""
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    free_from: dict[int, int] = {}
    visits = []
    for car, pause, length in plan:
        arrives = free_from.get(car, 0) + pause
        free_from[car] = arrives + length
        arrives_at, leaves_at = start + arrives * MINUTE, start + (arrives + length) * MINUTE
        visits.append(
            Visit(int(arrives_at.timestamp() * 1000), int(leaves_at.timestamp() * 1000), car)
        )
    return visits


plans = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 90), st.integers(1, 300)), min_size=1, max_size=6
)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=plans, seed=st.integers(0, 2**32))
async def test_stays_do_not_depend_on_how_their_events_arrive(
    world: World, plan: list[tuple[int, int, int]], seed: int
) -> None:
    """Shuffled over gates and within them, some delivered twice, wallets rich and poor."""
    visits, purses, draw = visits_of(plan), (100_000, 150, 0), random.Random(seed)
    ordered, scrambled = [await Lot.make(world, purses) for _ in range(2)]
    await world.take(*ordered.tells(visits))
    told = scrambled.tells(visits)
    told += draw.sample(told, len(told) // 2)
    draw.shuffle(told)
    await world.take(*told)
    assert await scrambled.stays() == await ordered.stays()
    assert await scrambled.oddities() == await ordered.oddities() == []
    for lot in (ordered, scrambled):
        fees, settled = await lot.fees_and_settled()
        assert fees == settled
        (occupancy,) = await world.rows(
            "SELECT entries - exits AS inside FROM lot_occupancy WHERE lot = $1", lot.name
        )
        assert occupancy["inside"] == 0
    assert await ledger_sums(world) <= {0}
