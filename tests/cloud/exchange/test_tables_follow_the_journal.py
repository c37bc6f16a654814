"""Whatever is sent: the tables say what the journal's commands lead to, row by row."""

import asyncio
import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from cloud.exchange.journal import hash_of, read_batches
from cloud.exchange.order_params import at_of
from cloud.exchange.order_rows import replacement_row
from cloud.exchange.sequencer import Receipt, Sequencer, WishTooLarge
from cloud.exchange.tables import REPLACED
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from tests.support.exchange import leading_sequencer, wish_of
from tests.trading.random_commands import Stream
from tests.trading.venue_rig import check_venue
from trading import Engine
from trading.commands import PlaceGroup, PlaceOrder, ReplaceOrder
from trading.events import OrderAccepted, OrderFilled, OrderReplaced
from trading.orders import LIMIT, STOP_LIMIT


@pytest.mark.parametrize("seed", range(4))
async def test_every_row_says_what_a_replay_of_the_journal_says(
    kit: Kit, clock: ManualClock, seed: int
) -> None:
    for part in range(2):
        # The second part goes on after a restart.
        async with leading_sequencer(kit) as sequencer:
            await drive(sequencer, clock, seed * 10 + part, 1_200, is_settled=part == 0)
    async with kit.database.pool.acquire() as connection:
        await check_tables(connection)


async def drive(
    sequencer: Sequencer, clock: ManualClock, seed: int, count: int, *, is_settled: bool
) -> None:
    """Send random commands in bursts, some named, some of them repeated."""
    stream = Stream(seed, settled=is_settled)
    stream.at_ns = sequencer.engine.venue.at_ns
    stream.day = sequencer.engine.venue.day
    draw = random.Random(seed)
    sent = 0
    while sent < count:
        clock.advance(timedelta(microseconds=draw.choice((0, 1, 1_000))))
        burst = draw.choice((1, 3, 20, 120))
        waiting = []
        for number in range(sent, sent + burst):
            command = stream.next()
            names: tuple[str, ...] = ()
            portfolio_id = 0
            if isinstance(command, PlaceOrder) and number % 3:
                names, portfolio_id = (f"o-{seed}-{number}",), command.order.portfolio_id
            if isinstance(command, PlaceGroup) and command.orders:
                names = (f"g-{seed}-{number}", "")
                portfolio_id = command.orders[0].portfolio_id
            if isinstance(command, ReplaceOrder) and number % 2:
                names, portfolio_id = (f"r-{seed}-{number}",), command.portfolio_id
            wish = wish_of(command, *names, portfolio_id=portfolio_id, ref=number)
            waiting.append(sequencer.offer(wish))
            if names and number % 5 == 0:
                waiting.append(sequencer.offer(wish))
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Receipt):
                stream.observe(list(outcome.events))
            else:
                assert isinstance(outcome, WishTooLarge), outcome
        sent += burst


async def check_tables(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Compare every table with an engine that the journal is replayed into."""
    engine, sums, rows_made, trades = await replay(connection)
    check_venue(engine.venue)
    await check_orders(connection, engine, sums, rows_made)
    await check_books(connection, engine)
    stored = await connection.fetch("SELECT * FROM trades ORDER BY id")
    assert [tuple(row) for row in stored] == trades
    kinds = Counter(row["state"] for row in await connection.fetch("SELECT state FROM orders"))
    assert len(kinds) >= 5, "the stream was too tame to show anything"


async def replay(
    connection: Any,
) -> tuple[Engine, dict[int, list[int]], dict[int, int], list[tuple[object, ...]]]:
    """The engine, fills by row (units, ticks, fees), rows with their maker, and trades."""
    engine = Engine()
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    rows: dict[int, int] = {}
    rows_made: dict[int, int] = {}
    trades: list[tuple[object, ...]] = []
    async for batch in read_batches(connection):
        assert batch.first_sequence == engine.sequence + 1
        commands = batch.commands()
        found = engine.apply_batch(commands)
        assert hash_of(found) == batch.events_hash
        for event in (event for caused in found for event in caused):
            match event:
                case OrderAccepted():
                    rows[event.order_id] = event.order_id
                    rows_made[event.order_id] = event.order_id
                case OrderReplaced():
                    new = replacement_row(event.sequence)
                    sums[new] = list(sums[rows[event.order_id]])
                    rows[event.order_id] = new
                    rows_made[new] = event.order_id
                case OrderFilled():
                    maker, taker = rows[event.maker_order_id], rows[event.taker_order_id]
                    for row, fee in ((maker, event.maker_fee), (taker, event.taker_fee)):
                        sums[row][0] += event.quantity_units
                        sums[row][1] += event.quantity_units * event.price_ticks
                        sums[row][2] += fee
                    _, trade_id, instrument_id, *_ = event.as_tuple()
                    trades.append(
                        (
                            trade_id,
                            event.sequence,
                            at_of(commands[0].at_ns),
                            instrument_id,
                            event.price_ticks,
                            event.quantity_units,
                            event.notional,
                            maker,
                            taker,
                            event.maker_portfolio_id,
                            event.taker_portfolio_id,
                            event.taker_side,
                            event.maker_fee,
                            event.taker_fee,
                            event.is_auction,
                        )
                    )
    return engine, sums, rows_made, trades


async def check_orders(
    connection: Any, engine: Engine, sums: dict[int, list[int]], rows_made: dict[int, int]
) -> None:
    stored = await connection.fetch("SELECT * FROM orders")
    assert {row["id"]: row["engine_order_id"] for row in stored} == rows_made
    by_id = {row["id"]: row for row in stored}
    live = {row["engine_order_id"]: row for row in stored if row["ended_at"] is None}
    assert live.keys() == engine.venue.orders.keys()
    for row in stored:
        filled = [row["filled_units"], int(row["filled_ticks"]), row["fees"]]
        assert filled == sums[row["id"]], row
        if row["replaced_by"] is not None:
            assert row["state"] == REPLACED
            assert by_id[row["replaced_by"]]["replaces"] == row["id"]
        elif row["ended_at"] is not None:
            assert row["state"] in (5, 6, 7, 8)
            assert row["remaining_units"] == 0
    for order_id, row in live.items():
        order = engine.venue.orders[order_id]
        terms = order.terms
        expected = {
            "portfolio_id": order.portfolio.portfolio_id,
            "instrument_id": order.market.instrument.instrument_id,
            "state": order.state,
            "side": terms.side,
            "order_type": terms.order_type,
            "time_in_force": terms.time_in_force,
            "quantity_units": order.quantity,
            "remaining_units": order.remaining,
            "filled_units": order.filled(),
            "price_ticks": terms.price_ticks if terms.order_type in (LIMIT, STOP_LIMIT) else 0,
            "stop_ticks": order.stop_ticks,
            "trail_ticks": terms.trail_ticks,
            "trail_bps": terms.trail_bps,
            "extreme_ticks": order.extreme_ticks,
            "display_units": terms.display_units,
            "expires_at": at_of(terms.expires_at_ns) if terms.expires_at_ns else None,
            "self_trade": terms.self_trade,
            "is_post_only": terms.is_post_only,
            "is_reduce_only": terms.is_reduce_only,
            "is_short": terms.is_short,
        }
        assert {name: row[name] for name in expected} == expected, order_id


async def check_books(connection: Any, engine: Engine) -> None:
    venue = engine.venue
    balances = await connection.fetch("SELECT * FROM portfolio_balances ORDER BY portfolio_id")
    assert [tuple(row)[:-1] for row in balances] == [
        (
            one.portfolio_id,
            one.account_id,
            one.cash,
            one.cash - one.pending_cash,
            one.held_cash,
            one.fees,
            one.realised,
        )
        for _, one in sorted(venue.portfolios.items())
    ]
    assert sum(row["cash"] for row in balances) + venue.cash == venue.external_cash
    positions = await connection.fetch("SELECT * FROM positions")
    stored = {(row[0], row[1]): tuple(row)[2:-1] for row in positions}
    for portfolio_id, portfolio in venue.portfolios.items():
        for instrument_id, one in portfolio.positions.items():
            expected = (
                one.units,
                one.units - one.pending_units,
                one.held,
                one.cost,
                one.realised,
                one.realised_fifo,
            )
            assert stored.pop((portfolio_id, instrument_id), (0,) * 6) == expected
    assert not stored
    rows = await connection.fetch(
        "SELECT id, symbol, reference_ticks, phase, lower_ticks, upper_ticks FROM instruments"
    )
    assert {tuple(row) for row in rows} == {
        (
            number,
            market.instrument.symbol,
            market.instrument.reference_ticks,
            market.phase,
            market.lower_ticks,
            market.upper_ticks,
        )
        for number, market in venue.markets.items()
    }
    cash = await connection.fetch("SELECT cash, units, instrument_id FROM activities")
    trades = await connection.fetch(
        """SELECT maker_portfolio_id AS id, maker_fee AS fee,
            notional * CASE WHEN taker_side = 1 THEN 1 ELSE -1 END AS cash FROM trades
        UNION ALL SELECT taker_portfolio_id, taker_fee,
            notional * CASE WHEN taker_side = 1 THEN -1 ELSE 1 END FROM trades"""
    )
    moved = sum(row["cash"] for row in cash) + sum(row["cash"] - row["fee"] for row in trades)
    assert moved == sum(row["cash"] for row in balances)
