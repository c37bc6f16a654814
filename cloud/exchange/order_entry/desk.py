"""What order entry asks of the exchange: messages become wishes, receipts become answers.

Nothing here waits: an order goes into the sequencer's queue in the call that brought it, and its
answer is made in the call that ends its commit.
"""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from cloud.exchange.alpaca.settings import SettingsBook
from cloud.exchange.directory import Directory
from cloud.exchange.order_entry.messages import (
    Ack,
    Cancel,
    CancelAll,
    PlaceOrder,
    Refused,
    Replace,
    ToClient,
)
from cloud.exchange.orders.errors import OrderError, OrderMissingError, error_of
from cloud.exchange.orders.quick import plain_limit
from cloud.exchange.orders.rules import (
    change_of,
    client_order_id_of,
    placement_of,
    symbol_of,
)
from cloud.exchange.orders.words import STATUS_WORDS
from cloud.exchange.public_ids import order_id_of, order_text
from cloud.exchange.sequencer import Receipt, Sequencer, Wish
from cloud.kit.errors import AppError
from trading import commands
from trading.account_events import CommandRefused
from trading.command_base import Command
from trading.desk import missing_problem
from trading.order_events import (
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
)
from trading.orders import CANCELLED, EXPIRED, FILLED, OPEN, PARTIALLY_FILLED
from trading.reasons import Reason
from trading.terms import NewOrder

SOURCE = "ws"

Send = Callable[[ToClient], None]
Answer = Callable[[Receipt | AppError], None]


class _Placing:
    """Makes the command of one plain order."""

    __slots__ = ("_order",)

    def __init__(self, order: NewOrder) -> None:
        self._order = order

    def __call__(self, sequence: int, at_ns: int) -> Command:
        return commands.PlaceOrder(sequence, at_ns, self._order)


class OrderDesk:
    """One for the process; whoever calls has made sure that the portfolio is the caller's."""

    def __init__(self, sequencer: Sequencer, directory: Directory, settings: SettingsBook) -> None:
        self._sequencer = sequencer
        self._directory = directory
        self._settings = settings

    @property
    def sequence(self) -> int:
        """The last command that is durable."""
        return self._sequencer.committed_sequence

    def place(self, portfolio_id: int, message: PlaceOrder, send: Send) -> None:
        """Place an order; the answer is sent after its commit.

        Raises:
            AppError: it never reached the engine, and why; nothing is sent then.
        """
        form = message.order
        symbol = symbol_of(form)
        market = self._directory.by_symbol(symbol)
        if market is None:
            raise error_of(Reason.UNKNOWN_INSTRUMENT)
        shorts = not self._settings.for_known(portfolio_id).is_long_only
        plain = plain_limit(form, market.instrument, portfolio_id) if shorts else None
        if plain is not None:
            make: Callable[[int, int], Command] = _Placing(plain)
        else:
            make = placement_of(form, market.instrument, portfolio_id, shorts=shorts).command
        name = client_order_id_of(form.client_order_id)
        names = () if name is None else (name,)
        self._sequencer.post(
            Wish(make, names, portfolio_id, SOURCE, message.ref),
            partial(_answer, send, message.ref, _placed),
        )

    def replace(self, portfolio_id: int, message: Replace, send: Send) -> None:
        """Change a live order; as `place`."""
        order_id = self._order_id(portfolio_id, message)
        venue = self._sequencer.engine.venue
        live = venue.orders.get(order_id)
        problem = missing_problem(venue, live, order_id, portfolio_id)
        if live is None or problem:
            raise error_of(problem)
        terms = live.terms
        change = change_of(
            message.change,
            live.market.instrument,
            time_in_force=terms.time_in_force,
            trail_bps=terms.trail_bps,
        )
        name = client_order_id_of(message.change.client_order_id)
        names = () if name is None else (name,)
        make = partial(change.command, order_id=order_id, portfolio_id=portfolio_id)
        self._sequencer.post(
            Wish(make, names, portfolio_id, SOURCE, message.ref),
            partial(_answer, send, message.ref, _replaced),
        )

    def cancel(self, portfolio_id: int, message: Cancel, send: Send) -> None:
        """Cancel an order; as `place`."""
        order_id = self._order_id(portfolio_id, message)

        def make(sequence: int, at_ns: int) -> Command:
            return commands.CancelOrder(sequence, at_ns, order_id, portfolio_id)

        self._sequencer.post(
            Wish(make, source=SOURCE, ref=message.ref),
            partial(_answer, send, message.ref, _cancelled),
        )

    def cancel_all(self, portfolio_id: int, message: CancelAll, send: Send) -> None:
        """Cancel all live orders, or those in one symbol; as `place`."""
        instrument_id = 0
        if message.symbol:
            market = self._directory.by_symbol(message.symbol)
            if market is None:
                raise error_of(Reason.UNKNOWN_INSTRUMENT)
            instrument_id = market.instrument.instrument_id

        def make(sequence: int, at_ns: int) -> Command:
            return commands.MassCancel(
                sequence, at_ns, portfolio_id=portfolio_id, instrument_id=instrument_id
            )

        self._sequencer.post(
            Wish(make, source=SOURCE, ref=message.ref),
            partial(_answer, send, message.ref, _cancelled),
        )

    def _order_id(self, portfolio_id: int, message: Replace | Cancel) -> int:
        """The engine's id of the order that is meant."""
        if message.client_order_id:
            row = self._sequencer.row_of_name(portfolio_id, message.client_order_id)
        else:
            row = _row_of(message.id)
        if row is None:
            raise OrderMissingError("There is no order of this id.")
        order_id = self._sequencer.order_rows.order_of(row)
        if order_id is None:
            raise error_of(Reason.ORDER_IS_DONE, "The order was replaced by another.")
        return order_id


def code_of(problem: AppError) -> str:
    """What programs read: the reason where there is one."""
    return problem.reason if isinstance(problem, OrderError) else problem.code


def _row_of(text: str) -> int | None:
    try:
        return order_id_of(UUID(text))
    except ValueError:
        return None


def _answer(
    send: Send,
    ref: int,
    shape: Callable[[int, Receipt], ToClient],
    outcome: Receipt | AppError,
) -> None:
    if isinstance(outcome, AppError):
        send(Refused(ref, code_of(outcome), outcome.message))
    elif outcome.is_repeat and outcome.order_ids:
        first, *legs = map(order_text, outcome.order_ids)
        send(Ack(ref, outcome.sequence, first, tuple(legs), is_repeat=True))
    else:
        send(shape(ref, outcome))


def _placed(ref: int, receipt: Receipt) -> ToClient:
    state = filled = value = 0
    order_id = 0
    for event in receipt.events:
        if isinstance(event, OrderAccepted):
            if not order_id:
                order_id, state = event.order_id, event.state
        elif isinstance(event, OrderFilled):
            if order_id in (event.taker_order_id, event.maker_order_id):
                filled += event.quantity_units
                value += event.notional
                is_taker = order_id == event.taker_order_id
                left = event.taker_remaining_units if is_taker else event.maker_remaining_units
                state = PARTIALLY_FILLED if left else FILLED
        elif isinstance(event, OrderCancelled):
            if event.order_id == order_id:
                state = CANCELLED
        elif isinstance(event, OrderExpired):
            if event.order_id == order_id:
                state = EXPIRED
        elif isinstance(event, OrderRejected):
            return _refused(ref, receipt.sequence, event.reason)
    rows = receipt.order_ids
    legs = tuple(map(order_text, rows[1:])) if len(rows) > 1 else ()
    return Ack(ref, receipt.sequence, order_text(rows[0]), legs, STATUS_WORDS[state], filled, value)


def _replaced(ref: int, receipt: Receipt) -> ToClient:
    state = filled = value = order_id = 0
    for event in receipt.events:
        if isinstance(event, OrderReplaced):
            order_id, left = event.order_id, event.remaining_units
            state = PARTIALLY_FILLED if left < event.quantity_units else OPEN
        elif isinstance(event, OrderFilled):
            if order_id in (event.taker_order_id, event.maker_order_id):
                filled += event.quantity_units
                value += event.notional
                is_taker = order_id == event.taker_order_id
                left = event.taker_remaining_units if is_taker else event.maker_remaining_units
                state = PARTIALLY_FILLED if left else FILLED
        elif isinstance(event, OrderCancelled) and event.order_id == order_id:
            state = CANCELLED
        elif isinstance(event, CommandRefused):
            return _refused(ref, receipt.sequence, event.reason)
    row = order_text(receipt.order_ids[0])
    return Ack(ref, receipt.sequence, row, (), STATUS_WORDS[state], filled, value)


def _cancelled(ref: int, receipt: Receipt) -> ToClient:
    orders = 0
    for event in receipt.events:
        if isinstance(event, CommandRefused):
            return _refused(ref, receipt.sequence, event.reason)
        if isinstance(event, OrderCancelled):
            orders += 1
    return Ack(ref, receipt.sequence, orders=orders)


def _refused(ref: int, sequence: int, reason: int) -> Refused:
    problem = error_of(reason)
    return Refused(ref, code_of(problem), problem.message, sequence)
