"""The state of one venue, and what every part of the engine does with it: look up and report."""

from __future__ import annotations

import heapq
from typing import Final

from trading.bounds import told
from trading.event_base import Event
from trading.events import BalanceChanged, PositionChanged
from trading.live import Group, Market, Order
from trading.matching import Steps
from trading.orders import GTD, TRANSITIONS
from trading.portfolio import Portfolio, Position
from trading.terms import Limits

_BITS: Final[list[int]] = [
    sum(1 << successor for successor in TRANSITIONS[state]) for state in sorted(TRANSITIONS)
]

_STALE_EXPIRIES: Final = 1_000


class Venue:
    """Everything that a snapshot keeps, and the events of the command being applied.

    cash: what fees brought in. external_cash: what came in from outside less what left, so that
    all portfolios' cash and `cash` add up to it. orders: the live ones, by id, oldest first.
    """

    def __init__(self) -> None:
        self.sequence: int = 0
        self.at_ns: int = 0
        self.day: int = 0
        self.cash: int = 0
        self.external_cash: int = 0
        self.next_order_id: int = 1
        self.next_group_id: int = 1
        self.next_trade_id: int = 1
        self.is_killed: bool = False
        self.killed_accounts: dict[int, bool] = {}
        self.default_limits: Limits = Limits()
        self.markets: dict[int, Market] = {}
        self.portfolios: dict[int, Portfolio] = {}
        self.orders: dict[int, Order] = {}
        self.withdrawals: dict[int, tuple[int, int]] = {}
        self.expiries: list[tuple[int, int]] = []
        # Work that a command causes: empty between commands.
        self.events: list[Event] = []
        self.elected: list[Order] = []
        self.ended_parents: list[Group] = []
        self.steps: Steps = Steps()
        self.touched: list[Portfolio] = []
        self.touched_positions: list[tuple[Portfolio, Position]] = []

    def limits_of(self, portfolio: Portfolio) -> Limits:
        """The limits that hold for a portfolio."""
        limits = portfolio.limits
        return self.default_limits if limits is None else limits

    def touch(self, portfolio: Portfolio) -> None:
        """Its balance is reported when the command is done."""
        if not portfolio.is_dirty:
            portfolio.is_dirty = True
            self.touched.append(portfolio)

    def touch_position(self, portfolio: Portfolio, position: Position) -> None:
        """The position is reported when the command is done."""
        if not position.is_dirty:
            position.is_dirty = True
            self.touched_positions.append((portfolio, position))

    def position_of(self, portfolio: Portfolio, market: Market) -> Position:
        """The portfolio's position in an instrument, made where there was none."""
        instrument_id = market.instrument.instrument_id
        position = portfolio.positions.get(instrument_id)
        if position is None:
            position = Position(market)
            portfolio.positions[instrument_id] = position
        return position

    def expire_at(self, order: Order) -> None:
        """Remember a GTD order's end; entries of orders that ended or changed it do not count."""
        if len(self.expiries) > 2 * len(self.orders) + _STALE_EXPIRIES:
            # Or a trader who moves one order's end back and forth would fill the memory.
            self.expiries = [
                (one.terms.expires_at_ns, one.order_id)
                for one in self.orders.values()
                if one.time_in_force == GTD
            ]
            heapq.heapify(self.expiries)
        heapq.heappush(self.expiries, (order.terms.expires_at_ns, order.order_id))

    def report_touched(self) -> None:
        """Append the final balances and positions of everything this command touched."""
        for portfolio, position in self.touched_positions:
            position.is_dirty = False
            self.events.append(
                PositionChanged(
                    self.sequence,
                    portfolio.portfolio_id,
                    position.market.instrument.instrument_id,
                    position.units,
                    position.units - position.pending_units,
                    position.held,
                    told(position.cost),
                    told(position.realised),
                    told(position.realised_fifo),
                )
            )
        for portfolio in self.touched:
            portfolio.is_dirty = False
            self.events.append(
                BalanceChanged(
                    self.sequence,
                    portfolio.portfolio_id,
                    portfolio.cash,
                    portfolio.cash - portfolio.pending_cash,
                    portfolio.held_cash,
                    told(portfolio.fees),
                    told(portfolio.realised),
                )
            )
        if self.touched_positions:
            self.touched_positions = []
        if self.touched:
            self.touched = []


def step_to(order: Order, state: int) -> None:
    """Move an order along the transition table; any other step is our bug."""
    assert _BITS[order.state] >> state & 1, "an order took a step that is not in the table"
    order.state = state
