"""From the committed picture in memory to what people and streams are shown."""

from collections.abc import Sequence

from cloud.exchange.orders.views import at_of
from cloud.exchange.portfolios.live import (
    LiveMarket,
    LivePortfolio,
    LivePortfolios,
    LivePosition,
    unrealised,
)
from cloud.exchange.portfolios.schemas import Position, PositionLot, PositionLots, Valuation
from cloud.exchange.prices import average_text, price_text
from cloud.exchange.public_ids import instrument_uuid, portfolio_uuid
from trading.instruments import Instrument


def valuation(live: LivePortfolios, portfolio: LivePortfolio, currency: str = "USD") -> Valuation:
    """What a portfolio is worth now; open positions by instrument."""
    values = list(live.valued(portfolio))
    worth = [value for _, _, value in values]
    marked_at_ns = max(
        (live.markets[instrument_id].marked_at_ns for instrument_id, _, _ in values), default=0
    )
    return Valuation(
        portfolio_id=portfolio_uuid(portfolio.portfolio_id),
        sequence=live.sequence,
        as_of=at_of(max(portfolio.changed_at_ns, marked_at_ns)),
        currency=currency,
        cash_minor=portfolio.cash,
        settled_cash_minor=portfolio.settled_cash,
        held_cash_minor=portfolio.held_cash,
        available_minor=portfolio.cash - portfolio.held_cash,
        long_value_minor=sum(value for value in worth if value > 0),
        short_value_minor=sum(value for value in worth if value < 0),
        equity_minor=portfolio.cash + sum(worth),
        fees_minor=portfolio.fees,
        realised_minor=portfolio.realised,
        unrealised_minor=sum(unrealised(p.units, p.cost, value) for _, p, value in values),
        day_profit_minor=live.day_profit(portfolio),
        positions=[
            position_view(live.markets[instrument_id], position)
            for instrument_id, position, _ in sorted(values, key=lambda one: one[0])
        ],
    )


def position_view(market: LiveMarket, position: LivePosition) -> Position:
    """One position at its market's mark."""
    one, value = market.instrument, market.value_of(position.units)
    return Position(
        instrument_id=instrument_uuid(one.instrument_id),
        symbol=one.symbol,
        units=position.units,
        settled_units=position.settled_units,
        held_units=position.held_units,
        cost_minor=position.cost,
        average_price=average_price(one, position.cost, position.units),
        mark_price=price_text(one, market.mark_ticks),
        value_minor=value,
        unrealised_minor=unrealised(position.units, position.cost, value),
        realised_minor=position.realised,
        realised_fifo_minor=position.realised_fifo,
    )


def average_price(one: Instrument, cost: int, units: int) -> str:
    """What a unit cost on average, as a price; "0.00" where there are none."""
    if units == 0:
        return "0.00"
    # Money is ticks * multiplier / divisor: back to ticks, exactly, in units of the multiplier.
    return average_text(one, cost * one.money_divisor, abs(units) * one.money_multiplier)


def lots_view(
    market: LiveMarket, position: LivePosition, lots: Sequence[tuple[int, int]]
) -> PositionLots:
    """A position with its lots, (units, cost) of each, oldest first."""
    fifo_cost = sum(cost for _, cost in lots)
    value = market.value_of(position.units)
    return PositionLots(
        position=position_view(market, position),
        lots=[
            PositionLot(
                units=units,
                cost_minor=cost,
                unrealised_minor=unrealised(units, cost, market.value_of(units)),
            )
            for units, cost in lots
        ],
        fifo_cost_minor=fifo_cost,
        unrealised_fifo_minor=unrealised(position.units, fifo_cost, value),
    )
