"""The venue's state to plain values and back, in an order that depends on nothing but the state.

What can be derived is left out: the layout of the ladder, the heaps of the stops, the totals of
levels. The state hash is taken over the same values, so two engines agree on it exactly when they
would go on alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from trading import codec
from trading.book import HalfBook
from trading.instruments import instrument_of
from trading.live import Group, Market, Order
from trading.orders import GTD, LIMIT, UNTRIGGERED
from trading.portfolio import Portfolio, Position
from trading.terms import Limits, NewOrder
from trading.venue import Venue

# Raise it when the layout changes; an old snapshot is then refused, and the journal replayed.
VERSION: Final = 1


class SnapshotError(Exception):
    """These bytes are no snapshot of this version."""


def to_bytes(venue: Venue) -> bytes:
    """The whole state."""
    return codec.to_bytes(_venue_values(venue))


def state_hash(venue: Venue) -> str:
    """64 hex digits over the whole state."""
    return hashlib.sha256(to_bytes(venue)).hexdigest()


def from_bytes(data: bytes) -> Venue:
    """The venue that `to_bytes` was given.

    Raises:
        SnapshotError: it was written by another version.
    """
    values = _items(codec.from_bytes(data))
    if values[0] != VERSION:
        raise SnapshotError(f"This snapshot has layout {values[0]}, not {VERSION}.")
    return _venue(values)


def _venue_values(venue: Venue) -> tuple[object, ...]:
    return (
        VERSION,
        venue.sequence,
        venue.at_ns,
        venue.day,
        venue.cash,
        venue.external_cash,
        venue.next_order_id,
        venue.next_group_id,
        venue.next_trade_id,
        venue.is_killed,
        tuple(sorted(venue.killed_accounts)),
        venue.default_limits.as_tuple(),
        tuple([_market_values(market) for market in venue.markets.values()]),
        tuple([_portfolio_values(one) for one in venue.portfolios.values()]),
        tuple([(key, *found) for key, found in venue.withdrawals.items()]),
        tuple([_group_values(venue, group) for group in _groups(venue)]),
        tuple([_order_values(order) for order in venue.orders.values()]),
        tuple([_queue_values(market) for market in venue.markets.values()]),
    )


def _market_values(market: Market) -> tuple[object, ...]:
    return (
        market.instrument.as_tuple(),
        market.phase,
        market.last_ticks,
        market.lower_ticks,
        market.upper_ticks,
    )


def _queue_values(market: Market) -> tuple[object, ...]:
    """(order id, what it shows) of both sides in the sequence in which they would trade."""
    queues: list[object] = []
    for side in (market.bids, market.asks):
        pairs = [(int(order.order_id), int(order.visible)) for order in side.orders()]
        queues.append(tuple(pairs))
    return tuple(queues)


def _portfolio_values(portfolio: Portfolio) -> tuple[object, ...]:
    limits = portfolio.limits
    return (
        portfolio.portfolio_id,
        portfolio.account_id,
        portfolio.cash,
        portfolio.held_cash,
        portfolio.pending_cash,
        portfolio.fees,
        portfolio.realised,
        portfolio.day_start_equity,
        portfolio.moved_today,
        None if limits is None else limits.as_tuple(),
        portfolio.window,
        portfolio.messages,
        tuple([(key, at_ns) for key, at_ns in portfolio.recent.items()]),
        tuple([_position_values(key, one) for key, one in portfolio.positions.items()]),
    )


def _position_values(instrument_id: int, position: Position) -> tuple[object, ...]:
    return (
        instrument_id,
        position.units,
        position.pending_units,
        position.held,
        position.opening_long,
        position.opening_short,
        position.cost,
        position.realised,
        position.realised_fifo,
        position.collateral,
        tuple(position.lots()),
    )


def _groups(venue: Venue) -> list[Group]:
    found: dict[int, Group] = {}
    for order in venue.orders.values():
        if order.group is not None:
            found[order.group.group_id] = order.group
    return [found[key] for key in sorted(found)]


def _group_values(venue: Venue, group: Group) -> tuple[object, ...]:
    parent = group.parent
    # A leg that has ended plays no part any more.
    legs = [int(leg.order_id) for leg in group.legs if leg.order_id in venue.orders]
    return (group.group_id, group.kind, 0 if parent is None else int(parent.order_id), tuple(legs))


def _order_values(order: Order) -> tuple[object, ...]:
    return (
        int(order.order_id),
        order.terms.as_tuple(),
        order.quantity,
        int(order.remaining),
        int(order.price),
        order.stop_ticks,
        order.extreme_ticks,
        order.state,
        order.role,
        order.hold_price,
        order.hold_cash,
        order.reserved_units,
        order.margin_bps,
        order.credit,
        order.credit_units,
        order.is_hold_free,
        0 if order.group is None else order.group.group_id,
    )


def _items(value: object) -> Sequence[Any]:
    assert isinstance(value, tuple), "a snapshot is made of tuples"
    return value


def _venue(values: Sequence[Any]) -> Venue:
    venue = Venue()
    venue.sequence = values[1]
    venue.at_ns = values[2]
    venue.day = values[3]
    venue.cash = values[4]
    venue.external_cash = values[5]
    venue.next_order_id = values[6]
    venue.next_group_id = values[7]
    venue.next_trade_id = values[8]
    venue.is_killed = values[9]
    for account_id in _items(values[10]):
        venue.killed_accounts[account_id] = True
    venue.default_limits = Limits(*_items(values[11]))
    for row in _items(values[12]):
        _add_market(venue, _items(row))
    for row in _items(values[13]):
        _add_portfolio(venue, _items(row))
    for row in _items(values[14]):
        transfer_id, portfolio_id, amount = _items(row)
        venue.withdrawals[transfer_id] = (portfolio_id, amount)
    groups: dict[int, Group] = {}
    for row in _items(values[15]):
        group_id, kind, _, _ = _items(row)
        groups[group_id] = Group(group_id, kind)
    for row in _items(values[16]):
        _add_order(venue, groups, _items(row))
    for row in _items(values[15]):
        group_id, _, parent_id, leg_ids = _items(row)
        groups[group_id].parent = venue.orders.get(parent_id)
        groups[group_id].legs = [venue.orders[leg] for leg in leg_ids if leg in venue.orders]
    for market, row in zip(venue.markets.values(), _items(values[17]), strict=True):
        _fill_book(venue, market.bids, _items(row)[0])
        _fill_book(venue, market.asks, _items(row)[1])
    return venue


def _add_market(venue: Venue, row: Sequence[Any]) -> None:
    market = Market(instrument_of(row[0]))
    market.phase = row[1]
    market.last_ticks = row[2]
    market.lower_ticks = row[3]
    market.upper_ticks = row[4]
    venue.markets[market.instrument.instrument_id] = market


def _add_portfolio(venue: Venue, row: Sequence[Any]) -> None:
    portfolio = Portfolio(row[0], row[1])
    portfolio.cash = row[2]
    portfolio.held_cash = row[3]
    portfolio.pending_cash = row[4]
    portfolio.fees = row[5]
    portfolio.realised = row[6]
    portfolio.day_start_equity = row[7]
    portfolio.moved_today = row[8]
    portfolio.limits = None if row[9] is None else Limits(*_items(row[9]))
    portfolio.window = row[10]
    portfolio.messages = row[11]
    for key, at_ns in _items(row[12]):
        portfolio.recent[tuple(_items(key))] = at_ns
    for values in _items(row[13]):
        _add_position(venue, portfolio, _items(values))
    venue.portfolios[portfolio.portfolio_id] = portfolio


def _add_position(venue: Venue, portfolio: Portfolio, row: Sequence[Any]) -> None:
    position = venue.position_of(portfolio, venue.markets[row[0]])
    position.units = row[1]
    position.pending_units = row[2]
    position.held = row[3]
    position.opening_long = row[4]
    position.opening_short = row[5]
    position.cost = row[6]
    position.realised = row[7]
    position.realised_fifo = row[8]
    position.collateral = row[9]
    for units, cost in _items(row[10]):
        position.add_lot(units, cost)


def _add_order(venue: Venue, groups: dict[int, Group], row: Sequence[Any]) -> None:
    terms = NewOrder(*_items(row[1]))
    portfolio = venue.portfolios[terms.portfolio_id]
    market = venue.markets[terms.instrument_id]
    order = Order(row[0], terms, portfolio, market)
    order.position = venue.position_of(portfolio, market)
    order.quantity = row[2]
    order.remaining = row[3]
    order.price = row[4]
    order.stop_ticks = row[5]
    order.extreme_ticks = row[6]
    order.state = row[7]
    order.role = row[8]
    order.hold_price = row[9]
    order.hold_cash = row[10]
    order.reserved_units = row[11]
    order.margin_bps = row[12]
    order.credit = row[13]
    order.credit_units = row[14]
    order.is_hold_free = row[15]
    order.group = groups.get(row[16])
    venue.orders[row[0]] = order
    portfolio.orders.add(order)
    if order.time_in_force == GTD:
        venue.expire_at(order)
    if order.state == UNTRIGGERED and order.order_type > LIMIT:
        market.triggers.count += 1
        market.triggers.add(order)


def _fill_book(venue: Venue, side: HalfBook, pairs: object) -> None:
    for order_id, visible in _items(pairs):
        side.add_showing(venue.orders[order_id], visible)
