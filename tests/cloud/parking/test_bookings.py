"""Bookings on a real database: who gets a space, what it costs, and how it ends."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.kit.errors import AppError
from cloud.ledger.errors import InsufficientFundsError
from cloud.parking.bookings.errors import (
    BookingMissingError,
    BookingStateError,
    HoldExpiredError,
    LotFullError,
    LotNotBookableError,
    WhichTagError,
    WindowError,
)
from cloud.parking.bookings.schemas import Booking, BookingCreate
from cloud.parking.lots.kinds import SpaceType
from cloud.parking.lots.policy import LotMode
from cloud.parking.lots.schemas import LotPolicyChange
from cloud.parking.tags.schemas import TagClaim
from protocols.portable import codes
from tests.cloud.parking.conftest import LOT, SITE, Driver, World, make_lot
from tests.cloud.parking.test_stays import balance

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def request(world: World, *, after: timedelta = HOUR, length: timedelta = 2 * HOUR, **more: Any):
    starts_at = world.clock.now() + after
    fields = {"lot": LOT, "starts_at": starts_at, "ends_at": starts_at + length} | more
    return BookingCreate(**fields)


async def book(world: World, user: UUID, data: BookingCreate) -> Booking:
    async with world.kit.database.session() as session:
        return await world.parking.bookings(session).create(user, data)


async def cancel(world: World, user: UUID, booking: UUID) -> Booking:
    async with world.kit.database.session() as session:
        return await world.parking.bookings(session).cancel(user, booking)


async def confirm(world: World, user: UUID, booking: UUID) -> Booking:
    async with world.kit.database.session() as session:
        return await world.parking.bookings(session).confirm(user, booking)


async def state_of(world: World, booking: UUID) -> dict[str, Any]:
    (row,) = await world.rows("SELECT * FROM bookings WHERE id = $1", booking)
    return row


async def rights_of(world: World, driver: Driver) -> list[dict[str, Any]]:
    return await world.rows(
        "SELECT right_id, flags & 3 AS kind, from_s, until_s FROM parking_rights"
        " WHERE tag_key = $1 AND revoked_at IS NULL ORDER BY kind",
        driver.tag.tag_key,
    )


async def test_a_booking_is_held_then_paid_then_known_at_the_gate(world: World) -> None:
    driver = await world.driver(cents=5_000)
    held = await book(world, driver.id, request(world))
    assert (held.state, held.price_cents, held.tag_id) == ("held", 400, driver.tag.id)
    assert held.held_until is not None
    assert sum(line.amount_cents for line in held.lines) == held.price_cents
    assert [r["kind"] for r in await rights_of(world, driver)] == [codes.KNOWN]
    booked = await confirm(world, driver.id, held.id)
    assert (booked.state, booked.held_until) == ("confirmed", None)
    assert (await balance(world, "wallet"), await balance(world, "hold")) == (4_600, 400)
    known, right = await rights_of(world, driver)
    assert known["kind"] == codes.KNOWN
    assert right["right_id"] == str(booked.id)
    assert right["from_s"] == int((booked.starts_at - 15 * MINUTE).timestamp())
    assert right["until_s"] == int((booked.ends_at + 10 * MINUTE).timestamp())
    pending = await world.rows("SELECT id FROM site_rights_pending WHERE site = $1", SITE)
    assert str(booked.id) in {row["id"] for row in pending}


async def test_cancelling_in_time_restores_everything(world: World) -> None:
    driver = await world.driver(cents=5_000)
    booking = await book(world, driver.id, request(world, after=3 * HOUR, confirm=True))
    before = await rights_of(world, driver)
    gone = await cancel(world, driver.id, booking.id)
    assert (gone.state, gone.kept_cents) == ("cancelled", 0)
    assert (await balance(world, "wallet"), await balance(world, "hold")) == (5_000, 0)
    assert await rights_of(world, driver) == before[:1]
    again = await book(world, driver.id, request(world, after=3 * HOUR))
    assert again.space_id == booking.space_id


async def test_cancelling_late_costs_half_and_a_second_time_is_refused(world: World) -> None:
    driver = await world.driver(cents=5_000)
    booking = await book(world, driver.id, request(world, after=30 * MINUTE, confirm=True))
    gone = await cancel(world, driver.id, booking.id)
    assert gone.kept_cents == 200
    assert (await balance(world, "wallet"), await balance(world, "revenue")) == (4_800, 200)
    with pytest.raises(BookingStateError):
        await cancel(world, driver.id, booking.id)


async def test_a_full_lot_refuses_and_so_does_a_closed_one(world: World) -> None:
    await make_lot(world, "oak", spaces=1)
    driver = await world.driver()
    await book(world, driver.id, request(world, lot="oak"))
    with pytest.raises(LotFullError):
        await book(world, driver.id, request(world, lot="oak"))
    later = await book(world, driver.id, request(world, after=3 * HOUR, lot="oak"))
    assert later.reasons[0].code == "joins_a_booking"
    async with world.kit.database.session() as session:
        close = LotPolicyChange(reason="cleaning", mode=LotMode.CLOSED)
        await world.parking.lots(session).change_policy(world.operator, "oak", close)
    with pytest.raises(LotNotBookableError):
        await book(world, driver.id, request(world, after=9 * HOUR, lot="oak"))


async def test_what_cannot_be_booked_is_refused_with_its_reason(world: World) -> None:
    driver = await world.driver()
    with pytest.raises(WindowError, match="in the past"):
        await book(world, driver.id, request(world, after=-HOUR))
    with pytest.raises(LotFullError, match="No space"):
        await book(world, driver.id, request(world, type=SpaceType.CHARGING))
    with pytest.raises(InsufficientFundsError):
        await book(world, driver.id, request(world, confirm=True))
    assert await world.rows("SELECT 1 FROM bookings") == []


async def test_a_driver_with_two_cards_says_which(world: World) -> None:
    driver = await world.driver()
    async with world.kit.database.session() as session:
        claim = TagClaim(uid="04:ff:ff:ff:ff:ff:01")
        second = await world.parking.tags(session).claim(driver.id, claim)
    with pytest.raises(WhichTagError):
        await book(world, driver.id, request(world))
    booking = await book(world, driver.id, request(world, tag_id=second.id))
    async with world.kit.database.session() as session:
        bookings = world.parking.bookings(session)
        assert (await bookings.choose_tag(driver.id, booking.id, driver.tag.id)).tag_id == (
            driver.tag.id
        )
        with pytest.raises(BookingMissingError):
            await bookings.get(booking.id, world.kit.ids.new())


async def test_a_hold_runs_out_by_the_databases_clock(world: World) -> None:
    await make_lot(world, "oak", spaces=1)
    driver, other = await world.driver(cents=5_000), await world.driver(cents=5_000)
    held = await book(world, driver.id, request(world, lot="oak"))
    with pytest.raises(LotFullError):
        await book(world, other.id, request(world, lot="oak"))
    await world.rows("UPDATE bookings SET held_until = now() - interval '1 second'")
    with pytest.raises(HoldExpiredError):
        await confirm(world, driver.id, held.id)
    booked = await book(world, other.id, request(world, lot="oak", confirm=True))
    assert booked.space_id == held.space_id
    assert (await state_of(world, held.id))["state"] == "expired"
    with pytest.raises(BookingStateError):
        await confirm(world, driver.id, held.id)


async def test_the_review_frees_what_was_held_too_long_and_ends_what_was_missed(
    world: World,
) -> None:
    driver = await world.driver(cents=5_000)
    held = await book(world, driver.id, request(world))
    missed = await book(world, driver.id, request(world, confirm=True))
    await world.rows("UPDATE bookings SET held_until = now() WHERE state = 'held'")
    world.clock.advance(3 * HOUR + 11 * MINUTE)
    await world.parking.review_once()
    assert (await state_of(world, held.id))["state"] == "expired"
    ended = await state_of(world, missed.id)
    assert (ended["state"], ended["kept_cents"]) == ("no_show", 400)
    assert await balance(world, "revenue") == 400
    assert [r["kind"] for r in await rights_of(world, driver)] == [codes.KNOWN]


async def drive(world: World, driver: Driver, booking: Booking, start: datetime, end: datetime):
    told = {"right": str(booking.id)}
    await world.take(*world.entry.lets_through(start, driver.uid, codes.RIGHT_VALID, **told))
    (row,) = await world.rows("SELECT state FROM bookings WHERE id = $1", booking.id)
    assert row["state"] in ("active", "no_show")
    await world.take(*world.exit.lets_through(end, driver.uid, codes.EXIT_VALID, **told))
    return await state_of(world, booking.id)


@pytest.mark.parametrize(
    ("early", "late", "fee"),
    [
        (timedelta(0), timedelta(0), 400),
        (10 * MINUTE, 9 * MINUTE, 400),
        (timedelta(0), 25 * MINUTE, 500),
        (timedelta(0), -HOUR, 400),
    ],
)
async def test_a_booked_stay_costs_its_quote_and_the_overstay(
    world: World, early: timedelta, late: timedelta, fee: int
) -> None:
    driver = await world.driver(cents=5_000)
    booking = await book(world, driver.id, request(world, confirm=True))
    start, end = booking.starts_at - early, booking.ends_at + late
    ended = await drive(world, driver, booking, start, end)
    assert (ended["state"], ended["kept_cents"]) == ("completed", 400)
    (stay,) = await world.rows("SELECT * FROM stays")
    assert (stay["basis"], stay["booking_id"]) == ("booking", booking.id)
    assert (stay["fee_cents"], stay["prepaid_cents"]) == (fee, 400)
    assert await balance(world, "wallet") == 5_000 - fee
    assert await balance(world, "hold") == 0
    assert [r["kind"] for r in await rights_of(world, driver)] == [codes.KNOWN]


async def test_a_booked_car_that_a_site_tells_of_late_was_no_no_show(world: World) -> None:
    driver = await world.driver(cents=5_000)
    booking = await book(world, driver.id, request(world, confirm=True))
    world.clock.advance(10 * HOUR)
    await world.parking.review_once()
    ended = await drive(world, driver, booking, booking.starts_at, booking.ends_at)
    assert ended["state"] == "completed"
    assert await balance(world, "wallet") == 4_600


async def test_a_gates_own_list_names_no_right_but_the_booking_is_found(world: World) -> None:
    driver = await world.driver(cents=5_000)
    booking = await book(world, driver.id, request(world, confirm=True))
    at = booking.starts_at + MINUTE
    entering = world.entry.lets_through(
        at, driver.uid, codes.RIGHT_VALID, mode=codes.GATE_LIST, right=None
    )
    await world.take(*entering)
    assert (await state_of(world, booking.id))["state"] == "active"


async def test_a_crowd_gets_every_space_once_and_the_rest_is_refused(world: World) -> None:
    await make_lot(world, "oak", spaces=5)
    drivers = [await world.driver() for _ in range(8)]
    results = await asyncio.gather(
        *(book(world, driver.id, request(world, lot="oak")) for driver in drivers),
        return_exceptions=True,
    )
    won = [r for r in results if isinstance(r, Booking)]
    lost = [r for r in results if isinstance(r, LotFullError)]
    assert (len(won), len(lost)) == (5, 3)
    assert len({booking.space_id for booking in won}) == 5


windows = st.lists(
    st.tuples(st.integers(0, 10), st.integers(1, 8), st.booleans()), min_size=4, max_size=10
)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(wanted=windows)
async def test_random_concurrent_bookings_and_cancellations_never_overlap(
    world: World, wanted: list[tuple[int, int, bool]]
) -> None:
    lot = f"lot-{world.kit.ids.new().hex[-12:]}"
    await make_lot(world, lot, spaces=2)
    driver = await world.driver()

    async def one(start: int, length: int, is_dropped: bool) -> None:
        data = request(world, after=HOUR + start * HOUR / 2, length=length * HOUR / 2, lot=lot)
        try:
            booking = await book(world, driver.id, data)
        except LotFullError:
            return
        if is_dropped:
            await cancel(world, driver.id, booking.id)

    await asyncio.gather(*(one(*wish) for wish in wanted))
    overlaps = await world.rows(
        "SELECT a.id FROM bookings a JOIN bookings b ON a.space_id = b.space_id AND a.id < b.id"
        " AND a.during && b.during WHERE a.lot = $1"
        " AND a.state IN ('held', 'confirmed') AND b.state IN ('held', 'confirmed')",
        lot,
    )
    assert overlaps == []
    kept = await world.rows("SELECT count(*) AS n FROM bookings WHERE lot = $1", lot)
    assert kept[0]["n"] >= 1


async def test_the_quote_is_what_is_then_paid(world: World) -> None:
    driver = await world.driver(cents=5_000)
    data = request(world)
    async with world.kit.database.session() as session:
        offer = await world.parking.bookings(session).offer(data)
    booking = await book(world, driver.id, data)
    assert (offer.price_cents, offer.lines, offer.space) == (
        booking.price_cents,
        booking.lines,
        booking.space,
    )
    assert offer.free == 20


async def test_the_database_itself_refuses_an_overlap(world: World) -> None:
    driver = await world.driver()
    booking = await book(world, driver.id, request(world))
    with pytest.raises(Exception, match="bookings_no_overlap"):
        await world.rows(
            "INSERT INTO bookings SELECT gen_random_uuid(), user_id, lot, space_id, tag_id, during,"
            " state, held_until, tariff_id, lines, price_cents, currency, reasons, kept_cents,"
            " created_at, confirmed_at, ended_at FROM bookings WHERE id = $1",
            booking.id,
        )


def test_every_refusal_of_booking_is_one_the_caller_can_act_on() -> None:
    for error in (LotFullError, WindowError, BookingStateError, HoldExpiredError):
        assert issubclass(error, AppError)
        assert 400 <= error.status < 500


async def test_a_driver_who_books_while_leaving_waits_in_no_circle(world: World) -> None:
    """Exit and booking want the same card and the same wallet at the same moment."""
    driver = await world.driver(cents=50_000)
    for turn in range(6):
        start = world.clock.now() + turn * HOUR
        entering = world.entry.lets_through(start, driver.uid, codes.WALK_UP)
        leaving = world.exit.lets_through(start + 30 * MINUTE, driver.uid, codes.EXIT_VALID)
        await world.take(*entering, leaving[0])
        booking, _ = await asyncio.gather(
            book(world, driver.id, request(world, confirm=True)), world.take(leaving[1])
        )
        assert booking.state == "confirmed"
    (row,) = await world.rows("SELECT count(*) AS n FROM stays WHERE state = 'closed'")
    assert row["n"] == 6
