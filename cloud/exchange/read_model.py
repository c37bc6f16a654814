"""What the tables say after a batch, worked out from its events: rows, not yet statements.

Balances, positions and instruments are as they are after the batch; orders are summed up in
drafts (`order_draft.py`), so that however often a batch touches a row, it is written once.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from cloud.exchange.order_draft import UNCHANGED, OrderDraft
from cloud.exchange.order_rows import OrderRows, replacement_row
from cloud.exchange.tables import REPLACED
from cloud.exchange.wishes import Wish
from trading import Engine
from trading.command_base import Command
from trading.commands import CancelOrder, PlaceGroup, ReplaceOrder, SetPhase
from trading.event_base import Event
from trading.events import (
    ActivationRefused,
    AuctionHeld,
    BalanceChanged,
    BandsChanged,
    CashMoved,
    CommandRefused,
    DayAdvanced,
    DividendPaid,
    InstrumentListed,
    KillSwitchSet,
    LimitsSet,
    MoveCause,
    OrderAccepted,
    OrderActivated,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderReduced,
    OrderRejected,
    OrderReplaced,
    OrderRested,
    OrderTriggered,
    PhaseChanged,
    PortfolioOpened,
    PositionChanged,
    StopMoved,
    UnitsMoved,
    UnitsSplit,
    WithdrawalEnded,
    WithdrawalReserved,
)
from trading.instruments import CLOSING_CALL
from trading.orders import CANCELLED, EXPIRED, FILLED, LIMIT, OPEN, PARTIALLY_FILLED, REJECTED

RISK_REASONS: Final = range(200, 300)

NOTABLE: Final = frozenset(
    kind.KIND
    for kind in (
        InstrumentListed,
        PortfolioOpened,
        LimitsSet,
        CashMoved,
        UnitsMoved,
        PhaseChanged,
        BandsChanged,
        AuctionHeld,
        KillSwitchSet,
        DayAdvanced,
        UnitsSplit,
        DividendPaid,
        WithdrawalReserved,
        WithdrawalEnded,
    )
)

Row = tuple[object, ...]


class RefusedByRisk(NamedTuple):
    """A row of `risk_violations`."""

    sequence: int
    ordinal: int
    portfolio_id: int
    instrument_id: int
    reason: int
    terms: Row


class BatchRows(msgspec.Struct):
    """What a batch does to the tables. Trades name the rows that went on at that moment.

    rows_before: of orders that had been replaced before this batch and that it touches.
    order_ids: per command, the rows it made: of orders it placed, or of the one it replaced.
    notable: the rare events that other processes hear of one by one.
    """

    orders: list[OrderDraft]
    trades: list[Row]
    balances: dict[int, Row]
    positions: dict[tuple[int, int], Row]
    activities: list[Row]
    violations: list[RefusedByRisk]
    limits: dict[int, Row]
    switches: dict[int, Row]
    instruments: dict[int, Row]
    order_ids: list[tuple[int, ...]]
    rows_before: dict[int, int]
    notable: list[Event]
    splits: list[Row] = []


class ReadModel:
    """Goes through one batch after the other; knows which rows replaced orders have."""

    def __init__(self, engine: Engine, order_rows: OrderRows) -> None:
        self._engine = engine
        self.order_rows = order_rows

    def rows(
        self,
        commands: Sequence[Command],
        wishes: Sequence[Wish],
        events: Sequence[Sequence[Event]],
    ) -> BatchRows:
        """The rows of a batch that the engine has just applied, and nothing after it."""
        walk = _Walk(self._engine, self.order_rows)
        for command, wish, caused in zip(commands, wishes, events, strict=True):
            walk.command(command, wish, caused)
        return walk.finish()


class _Walk:
    def __init__(self, engine: Engine, order_rows: OrderRows) -> None:
        self._venue = engine.venue
        self._order_rows = order_rows
        # By engine order id: the draft of the row that goes on with the order.
        self._drafts: dict[int, OrderDraft] = {}
        self._instruments: set[int] = set()
        self._ended_rows: list[int] = []
        self._out = BatchRows([], [], {}, {}, [], [], {}, {}, {}, [], {}, [])
        self._command: Command = Command(0, 0)
        self._wish: Wish | None = None
        self._placed: list[int] = []
        self._ordinal = 0
        self._is_closing_call = False

    def command(self, command: Command, wish: Wish, events: Sequence[Event]) -> None:
        self._command, self._wish = command, wish
        self._placed = []
        self._ordinal = 0
        self._is_closing_call = isinstance(command, SetPhase) and command.phase == CLOSING_CALL
        for event in events:
            # Nearly all events are of these; the rest goes by a table.
            if isinstance(event, OrderAccepted):
                self._accepted(event)
            elif isinstance(event, OrderFilled):
                self._filled(event)
            elif isinstance(event, OrderRested):
                if self._is_closing_call:
                    self._joined_closing_call(event)
            else:
                if event.KIND in NOTABLE:
                    self._out.notable.append(event)
                handle = _HANDLERS.get(event.KIND)
                if handle is not None:
                    handle(self, event)
        self._out.order_ids.append(tuple(self._placed))

    def finish(self) -> BatchRows:
        out = self._out
        for instrument_id in self._instruments:
            market = self._venue.markets[instrument_id]
            out.instruments[instrument_id] = (
                *market.instrument.as_tuple(),
                market.phase,
                market.lower_ticks,
                market.upper_ticks,
                self._command.sequence,
            )
        for draft in self._drafts.values():
            self._note_extreme(draft)
        for order_id in self._ended_rows:
            self._order_rows.forget(order_id)
        return out

    def _note_extreme(self, draft: OrderDraft) -> None:
        # No event tells where a trailing stop's mark stands before it first moves.
        if draft.stop != UNCHANGED:
            live = self._venue.orders.get(draft.engine_order_id)
            if live is not None:
                draft.extreme = live.extreme_ticks

    def _draft(self, order_id: int, sequence: int) -> OrderDraft:
        draft = self._drafts.get(order_id)
        if draft is None:
            row_id = self._order_rows.row_of(order_id)
            if row_id != order_id:
                self._out.rows_before[order_id] = row_id
            draft = OrderDraft(row_id, order_id)
            self._drafts[order_id] = draft
            self._out.orders.append(draft)
        draft.sequence = sequence
        return draft

    def _accepted(self, event: OrderAccepted) -> None:
        order_id = event.order_id
        draft = OrderDraft(order_id, order_id)
        wish = self._wish
        leg = len(self._placed)
        if wish is not None:
            draft.source = wish.source
            if leg < len(wish.client_order_ids):
                draft.client_order_id = wish.client_order_ids[leg] or None
        if isinstance(self._command, PlaceGroup):
            draft.group_kind = self._command.kind
            draft.leg = leg
            draft.parent_id = self._placed[0] if leg else None
        draft.accepted = event
        draft.state = event.state
        terms = event.order
        draft.remaining = draft.quantity = terms.quantity_units
        if terms.order_type > LIMIT:
            draft.stop = event.stop_ticks
        draft.sequence = event.sequence
        self._drafts[order_id] = draft
        self._out.orders.append(draft)
        self._placed.append(order_id)

    def _filled(self, event: OrderFilled) -> None:
        units, price = event.quantity_units, event.price_ticks
        maker = self._draft(event.maker_order_id, event.sequence)
        maker.fill(units, price, event.maker_fee, event.maker_remaining_units)
        taker = self._draft(event.taker_order_id, event.sequence)
        taker.fill(units, price, event.taker_fee, event.taker_remaining_units)
        for draft in (maker, taker):
            if draft.remaining == 0:
                self._end(draft, FILLED, 0)
            else:
                draft.state = PARTIALLY_FILLED
        self._out.trades.append(
            (
                event.trade_id,
                event.sequence,
                event.instrument_id,
                price,
                units,
                event.notional,
                maker.row_id,
                taker.row_id,
                event.maker_portfolio_id,
                event.taker_portfolio_id,
                event.taker_side,
                event.maker_fee,
                event.taker_fee,
                event.is_auction,
            )
        )

    def _end(self, draft: OrderDraft, state: int, reason: int) -> None:
        draft.state = state
        # Filled has none of its own; why units were lost before in this batch is kept.
        draft.reason = reason or draft.reason
        draft.remaining = 0
        draft.is_ended = True
        self._ended_rows.append(draft.engine_order_id)

    def _cancelled(self, event: OrderCancelled) -> None:
        self._end(self._draft(event.order_id, event.sequence), CANCELLED, event.reason)

    def _expired(self, event: OrderExpired) -> None:
        self._end(self._draft(event.order_id, event.sequence), EXPIRED, event.reason)

    def _activation_refused(self, event: ActivationRefused) -> None:
        self._end(self._draft(event.order_id, event.sequence), REJECTED, event.reason)

    def _joined_closing_call(self, event: OrderRested) -> None:
        # Orders that were waiting for it; no other event says so.
        self._draft(event.order_id, event.sequence).state = OPEN

    def _reduced(self, event: OrderReduced) -> None:
        draft = self._draft(event.order_id, event.sequence)
        draft.lose(event.by_units, event.remaining_units)
        draft.reason = event.reason

    def _replaced(self, event: OrderReplaced) -> None:
        old = self._draft(event.order_id, event.sequence)
        row_id = replacement_row(event.sequence)
        new = old.successor(row_id)
        old.state, old.remaining = REPLACED, 0
        old.is_ended = True
        old.replaced_by = row_id
        command, wish = self._command, self._wish
        assert isinstance(command, ReplaceOrder), "only ReplaceOrder replaces"
        new.sequence = event.sequence
        new.quantity, new.remaining = event.quantity_units, event.remaining_units
        new.lost = 0
        new.stop = event.stop_ticks
        if command.price_ticks:
            new.price = command.price_ticks
        if command.trail_ticks or command.trail_bps:
            new.trail, new.trail_bps = command.trail_ticks, command.trail_bps
        if command.display_units:
            new.display = command.display_units
        if command.time_in_force:
            new.time_in_force, new.expires_at_ns = command.time_in_force, command.expires_at_ns
        if wish is not None:
            new.source = wish.source
            new.client_order_id = (wish.client_order_ids or ("",))[0] or None
        self._drafts[event.order_id] = new
        self._out.orders.append(new)
        self._order_rows.replace(event.order_id, row_id)
        self._placed.append(row_id)

    def _triggered(self, event: OrderTriggered) -> None:
        draft = self._draft(event.order_id, event.sequence)
        draft.state = OPEN
        draft.is_triggered = True

    def _activated(self, event: OrderActivated) -> None:
        draft = self._draft(event.order_id, event.sequence)
        draft.state = event.state
        draft.quantity = draft.remaining = event.quantity_units
        draft.lost = 0
        draft.stop = event.stop_ticks

    def _stop_moved(self, event: StopMoved) -> None:
        draft = self._draft(event.order_id, event.sequence)
        draft.stop, draft.extreme = event.stop_ticks, event.extreme_ticks

    def _rejected(self, event: OrderRejected) -> None:
        self._violation(event.sequence, event.portfolio_id, event.instrument_id, event.reason)

    def _refused(self, event: CommandRefused) -> None:
        command = self._command
        if isinstance(command, (ReplaceOrder, CancelOrder)):
            live = self._venue.orders.get(command.order_id)
            instrument_id = 0 if live is None else live.market.instrument.instrument_id
            self._violation(event.sequence, command.portfolio_id, instrument_id, event.reason)

    def _violation(self, sequence: int, portfolio_id: int, instrument_id: int, reason: int) -> None:
        if reason in RISK_REASONS:
            terms = (self._command.KIND, *self._command.as_tuple()[2:])
            self._out.violations.append(
                RefusedByRisk(
                    sequence, self._next(), portfolio_id, instrument_id, int(reason), terms
                )
            )

    def _next(self) -> int:
        self._ordinal += 1
        return self._ordinal - 1

    def _portfolio_opened(self, event: PortfolioOpened) -> None:
        self._out.balances[event.portfolio_id] = (
            event.portfolio_id,
            event.account_id,
            *(0, 0, 0, 0, 0),
            event.sequence,
        )

    def _balance(self, event: BalanceChanged) -> None:
        portfolio_id = event.portfolio_id
        self._out.balances[portfolio_id] = (
            portfolio_id,
            self._venue.portfolios[portfolio_id].account_id,
            event.cash,
            event.settled_cash,
            event.held_cash,
            event.fees,
            event.realised,
            event.sequence,
        )

    def _position(self, event: PositionChanged) -> None:
        self._out.positions[event.portfolio_id, event.instrument_id] = (
            event.portfolio_id,
            event.instrument_id,
            event.units,
            event.settled_units,
            event.held_units,
            event.cost,
            event.realised,
            event.realised_fifo,
            event.sequence,
        )

    def _cash_moved(self, event: CashMoved) -> None:
        instrument_id = getattr(self._command, "instrument_id", None)
        is_of_instrument = event.cause in (MoveCause.DIVIDEND, MoveCause.SPLIT_FRACTION)
        self._activity(event, instrument_id if is_of_instrument else None, event.amount, 0, 0)

    def _units_moved(self, event: UnitsMoved) -> None:
        self._activity(event, event.instrument_id, 0, event.units, event.cost)

    def _activity(
        self,
        event: CashMoved | UnitsMoved,
        instrument_id: int | None,
        cash: int,
        units: int,
        cost: int,
    ) -> None:
        self._out.activities.append(
            (
                event.sequence,
                self._next(),
                event.portfolio_id,
                int(event.cause),
                instrument_id,
                cash,
                units,
                cost,
                event.transfer_id,
            )
        )

    def _limits(self, event: LimitsSet) -> None:
        self._out.limits[event.portfolio_id] = (event.portfolio_id, *event.limits, event.sequence)

    def _switch(self, event: KillSwitchSet) -> None:
        self._out.switches[event.account_id] = (event.account_id, event.is_on, event.sequence)

    def _instrument(self, event: InstrumentListed | PhaseChanged | BandsChanged) -> None:
        self._instruments.add(event.instrument_id)

    def _split(self, event: UnitsSplit) -> None:
        self._instruments.add(event.instrument_id)
        self._out.splits.append(
            (event.sequence, event.instrument_id, event.numerator, event.denominator)
        )


_HANDLERS: Final[dict[int, Callable[[_Walk, Any], None]]] = {
    InstrumentListed.KIND: _Walk._instrument,
    PortfolioOpened.KIND: _Walk._portfolio_opened,
    LimitsSet.KIND: _Walk._limits,
    CashMoved.KIND: _Walk._cash_moved,
    UnitsMoved.KIND: _Walk._units_moved,
    BalanceChanged.KIND: _Walk._balance,
    PositionChanged.KIND: _Walk._position,
    OrderRejected.KIND: _Walk._rejected,
    OrderCancelled.KIND: _Walk._cancelled,
    OrderExpired.KIND: _Walk._expired,
    OrderReduced.KIND: _Walk._reduced,
    OrderReplaced.KIND: _Walk._replaced,
    OrderTriggered.KIND: _Walk._triggered,
    StopMoved.KIND: _Walk._stop_moved,
    OrderActivated.KIND: _Walk._activated,
    ActivationRefused.KIND: _Walk._activation_refused,
    CommandRefused.KIND: _Walk._refused,
    PhaseChanged.KIND: _Walk._instrument,
    BandsChanged.KIND: _Walk._instrument,
    KillSwitchSet.KIND: _Walk._switch,
    UnitsSplit.KIND: _Walk._split,
}
