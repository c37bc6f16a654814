"""Rights: computed from facts, and the same whether changed step by step or all at once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.parking.bookings.schemas import BookingCreate
from cloud.parking.lots.policy import WalkUps
from cloud.parking.lots.schemas import LotPolicyChange
from cloud.parking.rights.rules import (
    BookingFacts,
    LotFacts,
    PermitFacts,
    PermitKind,
    TagFacts,
    changes,
    rights_of,
)
from cloud.parking.rights.schemas import PermitCreate
from cloud.parking.tags.rules import TagState
from cloud.parking.tags.schemas import TagStateChange
from protocols.portable import access, codes
from protocols.site import Right
from tests.cloud.parking.conftest import LOT, SITE, Driver, World, make_lot

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BOTH = access.FLAG_ENTRY | access.FLAG_EXIT
MINUTE = timedelta(minutes=1)
TAG = "00112233445566"
ELM = LotFacts("elm", SITE, WalkUps.KNOWN, 15 * MINUTE, 10 * MINUTE)
OAK = LotFacts("oak", SITE, WalkUps.NONE)
LOTS = {"elm": ELM, "oak": OAK}


def test_a_known_card_has_a_right_where_walk_ups_are_welcome() -> None:
    (right,) = rights_of(TagFacts(TAG, is_blocked=False), LOTS).values()
    assert right == Right(
        id=f"known-elm-{TAG}",
        tag=TAG,
        lot="elm",
        flags=codes.KNOWN | BOTH,
        from_s=0,
        until_s=access.FOREVER_S,
    )


def test_a_blocked_card_is_denied_at_every_lot_and_has_nothing_else() -> None:
    booking = BookingFacts(UUID(int=1), "elm", NOON, NOON + MINUTE)
    rights = rights_of(TagFacts(TAG, is_blocked=True, bookings=(booking,)), LOTS)
    assert {right.lot for right in rights.values()} == {"elm", "oak"}
    assert all(right.flags & access.FLAG_BLOCKED for right in rights.values())


def test_a_booking_is_a_right_with_grace_under_its_own_id() -> None:
    booking = BookingFacts(UUID(int=1), "elm", NOON, NOON + 60 * MINUTE)
    rights = rights_of(TagFacts(TAG, is_blocked=False, bookings=(booking,)), LOTS)
    right = rights[SITE, str(booking.id)]
    assert right.flags == codes.BOOKING | BOTH
    assert right.from_s == int((NOON - 15 * MINUTE).timestamp())
    assert right.until_s == int((NOON + 70 * MINUTE).timestamp())


def test_half_seconds_are_rounded_in_the_drivers_favour() -> None:
    half = timedelta(milliseconds=500)
    booking = BookingFacts(UUID(int=1), "oak", NOON + half, NOON + MINUTE + half)
    rights = rights_of(TagFacts(TAG, is_blocked=False, bookings=(booking,)), LOTS)
    right = rights[SITE, str(booking.id)]
    start_s = int(NOON.timestamp())
    assert (right.from_s, right.until_s) == (start_s, start_s + 61)


@pytest.mark.parametrize(
    ("kind", "code"), [(PermitKind.PERMIT, codes.PERMIT), (PermitKind.STAFF, codes.STAFF)]
)
def test_a_permit_without_end_is_a_right_for_ever(kind: PermitKind, code: int) -> None:
    permit = PermitFacts(UUID(int=2), "oak", kind, NOON, None)
    rights = rights_of(TagFacts(TAG, is_blocked=False, permits=(permit,)), LOTS)
    right = rights[SITE, str(permit.id)]
    assert (right.flags, right.until_s) == (code | BOTH, access.FOREVER_S)


right_maps = st.dictionaries(
    st.tuples(st.sampled_from(("s-1", "s-2")), st.sampled_from("abcdef")), st.integers(0, 3)
).map(
    lambda found: {
        (site, name): Right(id=name, tag=TAG, lot="elm", flags=flags, from_s=0, until_s=1)
        for (site, name), flags in found.items()
    }
)


@given(right_maps, right_maps)
def test_applying_the_changes_gives_what_is_wanted(
    have: dict[tuple[str, str], Right], want: dict[tuple[str, str], Right]
) -> None:
    result = dict(have)
    for site, change in changes(have, want).items():
        for right_id in change.removed:
            del result[site, right_id]
        for right in change.added:
            assert result.get((site, right.id)) != right
            result[site, right.id] = right
    assert result == want


STEPS = ("block", "unblock", "book", "cancel", "permit", "withdraw", "policy", "tag")


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), max_size=12))
async def test_step_by_step_the_rights_are_those_of_a_full_recomputation(
    world: World, steps: list[tuple[str, int]]
) -> None:
    drivers = [await world.driver(cents=100_000) for _ in range(3)]
    bookings: list[tuple[UUID, UUID]] = []
    permits: list[UUID] = []
    for step, which in steps:
        world.clock.advance(MINUTE)
        await take_step(world, step, drivers[which], which, bookings, permits)
    async with world.kit.database.session() as session:
        assert await world.parking.rights(session).recompute() == 0
    ours = await world.rows("SELECT right_id FROM parking_rights WHERE revoked_at IS NULL")
    async with world.kit.database.session() as session:
        theirs = await world.devices.rights.ids(session, SITE)
    assert {row["right_id"] for row in ours} == theirs


async def take_step(
    world: World,
    step: str,
    driver: Driver,
    which: int,
    bookings: list[tuple[UUID, UUID]],
    permits: list[UUID],
) -> None:
    async with world.kit.database.session() as session:
        parking, operator = world.parking, world.operator
        if step in ("block", "unblock"):
            state = TagState.BLOCKED if step == "block" else TagState.ACTIVE
            change = TagStateChange(state, "because")
            await parking.tags(session).change_state(operator, driver.tag.id, change)
        elif step == "book":
            starts_at = world.clock.now() + timedelta(hours=1 + which)
            data = BookingCreate(
                lot=LOT, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), confirm=True
            )
            booking = await parking.bookings(session).create(driver.id, data)
            bookings.append((driver.id, booking.id))
        elif step == "cancel" and bookings:
            await parking.bookings(session).cancel(*bookings.pop())
        elif step == "permit":
            permit = PermitCreate(lot=LOT, tag_id=driver.tag.id, from_at=world.clock.now())
            permits.append((await parking.permits(session).grant(operator, permit)).id)
        elif step == "withdraw" and permits:
            await parking.permits(session).withdraw(operator, permits.pop(), "moved away")
        elif step == "policy":
            walk_ups = (WalkUps.NONE, WalkUps.KNOWN, WalkUps.ALL)[which]
            change_lot = LotPolicyChange(reason="trying", walk_ups=walk_ups)
            await parking.lots(session).change_policy(operator, LOT, change_lot)
    if step == "tag":
        await world.driver()


async def test_a_new_lot_knows_every_card_at_once(world: World) -> None:
    await world.driver()
    await make_lot(world, "oak")
    lots = await world.rows("SELECT lot FROM parking_rights WHERE revoked_at IS NULL ORDER BY lot")
    assert [row["lot"] for row in lots] == ["elm", "oak"]


async def test_a_thousand_cards_are_recomputed_in_one_go(world: World) -> None:
    await world.rows(
        "INSERT INTO rfid_tags SELECT gen_random_uuid(), lpad(to_hex(n), 14, '0'), ''::bytea,"
        " int4send(n), NULL, NULL, 0, CASE WHEN n % 10 = 0 THEN 'blocked' ELSE 'active' END,"
        " now(), '', now() FROM generate_series(1, 1000) AS n"
    )
    async with world.kit.database.session() as session:
        assert await world.parking.rights(session).recompute() == 1_000
    blocked = await world.rows(
        "SELECT count(*) AS n FROM parking_rights WHERE flags & $1 > 0", access.FLAG_BLOCKED
    )
    assert blocked[0]["n"] == 100
