"""A venue's random days, as the engine's own state and as the movements that the tables record."""

from datetime import UTC, datetime, timedelta

from cloud.exchange.statements.books import Books
from cloud.exchange.statements.movements import CashMove, Split, Trade, UnitsMove
from tests.trading.random_commands import MARKETS, PORTFOLIOS, Stream
from trading import Engine, events
from trading.events import MoveCause
from trading.orders import BUY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTRUMENTS = {one.instrument_id: one for one in MARKETS}


def movements_of(command, found, owners):
    """(portfolio, movement) of everything an engine's events say, as the tables have them."""
    at = EPOCH + timedelta(microseconds=command.at_ns // 1_000)
    for event in found:
        match event:
            case events.OrderFilled():
                is_taker_buy = event.taker_side == BUY
                maker = event.maker_portfolio_id, event.maker_order_id, event.maker_fee
                taker = event.taker_portfolio_id, event.taker_order_id, event.taker_fee
                for (portfolio, order, fee), is_buy in (
                    (maker, not is_taker_buy),
                    (taker, is_taker_buy),
                ):
                    yield (
                        portfolio,
                        Trade(
                            event.sequence,
                            at,
                            event.trade_id,
                            order,
                            event.instrument_id,
                            is_buy,
                            event.price_ticks,
                            event.quantity_units,
                            event.notional,
                            fee,
                        ),
                    )
            case events.CashMoved():
                cash = CashMove(event.sequence, at, event.amount, event.cause, event.transfer_id)
                yield event.portfolio_id, cash
            case events.UnitsMoved():
                yield (
                    event.portfolio_id,
                    UnitsMove(
                        event.sequence,
                        at,
                        event.instrument_id,
                        event.units,
                        event.cost,
                        event.cause,
                        event.transfer_id,
                    ),
                )
            case events.UnitsSplit():
                paid = {
                    e.portfolio_id: e.amount
                    for e in found
                    if isinstance(e, events.CashMoved) and e.cause == MoveCause.SPLIT_FRACTION
                }
                for owner in owners:
                    yield (
                        owner,
                        Split(
                            event.sequence,
                            at,
                            event.instrument_id,
                            event.numerator,
                            event.denominator,
                            paid.get(owner, 0),
                        ),
                    )


def replayed(seed, count):
    """An engine after so many random commands, the books of each portfolio, all movements."""
    stream, engine = Stream(seed), Engine()
    owners = range(1, PORTFOLIOS + 1)
    books = {owner: Books(INSTRUMENTS.__getitem__) for owner in owners}
    history = []
    for _ in range(count):
        command = stream.next()
        found = engine.apply(command)
        stream.observe(found)
        for owner, movement in movements_of(command, found, owners):
            books[owner].apply(movement)
            history.append((owner, movement))
    return engine, books, history
