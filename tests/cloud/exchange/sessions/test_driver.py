"""The venue keeps to its schedule, through the sequencer, by the kit's clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from cloud.exchange.sequencer import Sequencer
from cloud.exchange.sessions.driver import SessionDriver
from cloud.exchange.sessions.schedules import ALWAYS, US_EQUITIES
from cloud.kit.clock import ManualClock, to_ms
from cloud.kit.feature import Kit
from tests.support.exchange import leading_sequencer, wish_of
from trading.commands import Deposit, ListInstrument, OpenPortfolio, PlaceOrder, SetPhase
from trading.instruments import (
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    VOLATILITY_CALL,
    Instrument,
)
from trading.orders import BUY, DAY, GTD, LIMIT
from trading.terms import NewOrder


@pytest.fixture
async def sequencer(kit: Kit) -> AsyncIterator[Sequencer]:
    async with leading_sequencer(kit) as made:
        for command in (
            ListInstrument(0, 0, Instrument(1, "ACME", 10_000)),
            ListInstrument(0, 0, Instrument(2, "EMCA", 10_000)),
            OpenPortfolio(0, 0, 1, 1),
            Deposit(0, 0, 1, 10**9),
        ):
            await made.submit(wish_of(command))
        yield made


def phases(sequencer: Sequencer) -> list[int]:
    return [market.phase for market in sequencer.engine.venue.markets.values()]


def move_to(clock: ManualClock, instant: datetime) -> None:
    clock.advance(instant - clock.now())


async def place(sequencer: Sequencer, time_in_force: int, expires_at_ns: int = 0) -> int:
    terms = NewOrder(1, 1, BUY, LIMIT, time_in_force, 1, 9_000, expires_at_ns=expires_at_ns)
    receipt = await sequencer.submit(wish_of(PlaceOrder(0, 0, terms)))
    return receipt.order_ids[0]


async def test_a_whole_day(sequencer: Sequencer, clock: ManualClock):
    driver = SessionDriver(sequencer, US_EQUITIES, clock)
    seen = []
    # 2 March 2026 is a Monday; New York is five hours behind UTC.
    for hour, minute in ((8, 59), (9, 0), (14, 25), (14, 30), (20, 59), (21, 0)):
        move_to(clock, datetime(2026, 3, 2, hour, minute, tzinfo=UTC))
        await driver.look()
        seen.append((sequencer.engine.venue.day, phases(sequencer)[0]))
        if hour == 14 and minute == 25:
            order_id = await place(sequencer, DAY)
    friday, monday = (datetime(2026, 2, 27) + timedelta(days=3 * n) for n in range(2))  # noqa: DTZ001 - only their dates
    assert seen == [
        (friday.toordinal(), CLOSED),
        (monday.toordinal(), CLOSED),
        (monday.toordinal(), OPENING_CALL),
        (monday.toordinal(), CONTINUOUS),
        (monday.toordinal(), CLOSING_CALL),
        (monday.toordinal(), CLOSED),
    ]
    assert order_id not in sequencer.engine.venue.orders, "a day order ends with the day"
    assert await driver.look() == []


async def test_around_the_clock_it_opens_at_once_and_day_orders_end_at_midnight(
    sequencer: Sequencer, clock: ManualClock
):
    driver = SessionDriver(sequencer, ALWAYS, clock)
    await driver.look()
    assert phases(sequencer) == [CONTINUOUS, CONTINUOUS]
    order_id = await place(sequencer, DAY)
    clock.advance(timedelta(hours=15))
    assert await driver.look() == []
    clock.advance(timedelta(hours=1))
    await driver.look()
    assert phases(sequencer) == [CONTINUOUS, CONTINUOUS]
    assert order_id not in sequencer.engine.venue.orders


async def test_orders_that_are_good_until_a_time_end_then_though_nobody_trades(
    sequencer: Sequencer, clock: ManualClock
):
    driver = SessionDriver(sequencer, ALWAYS, clock)
    await driver.look()
    until = to_ms(clock.now() + timedelta(minutes=1)) * 1_000_000
    order_id = await place(sequencer, GTD, until)
    clock.advance(timedelta(seconds=59))
    await driver.look()
    assert order_id in sequencer.engine.venue.orders
    clock.advance(timedelta(seconds=1))
    await driver.look()
    assert order_id not in sequencer.engine.venue.orders


async def test_a_volatility_call_ends_after_its_time_and_a_halt_does_not(
    sequencer: Sequencer, clock: ManualClock
):
    driver = SessionDriver(sequencer, ALWAYS, clock, timedelta(seconds=30))
    await driver.look()
    await sequencer.submit(wish_of(SetPhase(0, 0, 1, VOLATILITY_CALL)))
    await sequencer.submit(wish_of(SetPhase(0, 0, 2, HALTED)))
    await driver.look()
    clock.advance(timedelta(seconds=29))
    await driver.look()
    assert phases(sequencer) == [VOLATILITY_CALL, HALTED]
    clock.advance(timedelta(seconds=1))
    await driver.look()
    assert phases(sequencer) == [CONTINUOUS, HALTED]


async def test_it_acts_only_while_its_process_leads(kit: Kit, clock: ManualClock):
    async with leading_sequencer(kit) as sequencer:
        await sequencer.submit(wish_of(ListInstrument(0, 0, Instrument(1, "ACME", 10_000))))
    driver = SessionDriver(sequencer, ALWAYS, clock)
    looks = 0

    async def sleep(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await driver.run(sleep)
    assert phases(sequencer) == [CLOSED]
