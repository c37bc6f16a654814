"""What a trader does with orders: place, replace, cancel; each durable when it is answered."""

from functools import partial

from cloud.exchange.directory import Directory
from cloud.exchange.orders.errors import (
    MalformedOrderError,
    NotCancelableError,
    OrderError,
    OrderMissingError,
    error_of,
)
from cloud.exchange.orders.forms import OrderForm, ReplaceForm
from cloud.exchange.orders.quick import plain_limit
from cloud.exchange.orders.rules import (
    Placement,
    change_of,
    client_order_id_of,
    placement_of,
    symbol_of,
)
from cloud.exchange.orders.store import OrderFilter, OrderStore
from cloud.exchange.orders.views import OrderView, views_of
from cloud.exchange.orders.words import LIVE_STATES, STATUS_WORDS
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.wishes import Receipt, Wish
from trading.account_events import CommandRefused
from trading.command_base import Command
from trading.commands import CancelOrder, MassCancel
from trading.order_events import OrderCancelled, OrderRejected
from trading.orders import TRAILING_STOP
from trading.reasons import Reason
from trading.terms import NewOrder


class OrderService:
    """One for the process. Whoever calls has made sure that the portfolio is the caller's."""

    def __init__(self, sequencer: Sequencer, directory: Directory, store: OrderStore) -> None:
        self._sequencer = sequencer
        self._directory = directory
        self._store = store

    async def place(
        self, portfolio_id: int, form: OrderForm, *, shorts: bool = True, source: str = "api"
    ) -> OrderView:
        """Place what the form asks for; gives its first order, the others as its legs.

        The same client_order_id with the same terms again is a retry: it places nothing and gives
        the order of then, as it stands. shorts: see `placement_of`.

        Raises:
            OrderError: the order is malformed or was refused; its `reason` says why.
            ExchangeUnavailable, ExchangeBusy: nothing was done, or nobody knows; send it again.
        """
        symbol = symbol_of(form)
        market = self._directory.by_symbol(symbol)
        if market is None:
            raise error_of(
                Reason.UNKNOWN_INSTRUMENT, f"There is no instrument of the symbol {symbol[:32]!r}."
            )
        plain = plain_limit(form, market.instrument, portfolio_id) if shorts else None
        placement = (
            placement_of(form, market.instrument, portfolio_id, shorts=shorts)
            if plain is None
            else Placement(0, (plain,))
        )
        name = client_order_id_of(form.client_order_id)
        return await self.place_terms(portfolio_id, placement, name, source=source)

    async def place_terms(
        self, portfolio_id: int, placement: Placement, name: str | None, *, source: str = "api"
    ) -> OrderView:
        """`place`, for terms that are there already. name: the client_order_id of the first."""
        names = () if name is None else (name,)
        receipt = await self._sequencer.submit(Wish(placement.command, names, portfolio_id, source))
        if receipt.is_repeat:
            return await self._repeated(portfolio_id, receipt, placement)
        for event in receipt.events:
            if isinstance(event, OrderRejected):
                raise error_of(event.reason, self._shortage(event, placement.orders[0]))
        views = views_of(receipt, placement.kind, names)
        for view in views:
            self._note_extreme(view)
        first = views[0]
        if placement.kind:
            first.legs = views[1:]
        return first

    async def replace(
        self, portfolio_id: int, row_id: int, form: ReplaceForm, *, source: str = "api"
    ) -> OrderView:
        """Change a live order; gives the order that goes on, which has another id.

        The same client_order_id for the same order again is a retry and changes nothing.

        Raises:
            OrderMissingError, NotCancelableError, OrderError: said in the error.
            ExchangeUnavailable, ExchangeBusy: nothing was done, or nobody knows.
        """
        name = client_order_id_of(form.client_order_id)
        again = None if name is None else await self._store.by_client_order_id(portfolio_id, name)
        if again is not None and again.replaces == row_id:
            return again
        order = await self._live(portfolio_id, row_id)
        instrument = self._directory.instrument(order.instrument_id)
        change = change_of(
            form, instrument, time_in_force=order.time_in_force, trail_bps=order.trail_bps
        )
        make = partial(change.command, order_id=order.engine_order_id, portfolio_id=portfolio_id)
        receipt = await self._sequencer.submit(
            Wish(make, () if name is None else (name,), portfolio_id, source)
        )
        if receipt.is_repeat:
            repeated = await self._store.by_ids(portfolio_id, receipt.order_ids)
            if not repeated or repeated[0].replaces != row_id:
                raise _not_unique()
            return repeated[0]
        _raise_refusal(receipt)
        (replaced,) = await self._store.by_ids(portfolio_id, receipt.order_ids)
        return replaced

    async def cancel(self, portfolio_id: int, row_id: int, *, source: str = "api") -> None:
        """Cancel a live order, of an OCO both legs, of a parent its waiting children too.

        Raises:
            OrderMissingError, NotCancelableError: said in the error.
            ExchangeUnavailable, ExchangeBusy: nothing was done, or nobody knows.
        """
        order = await self._live(portfolio_id, row_id)

        def make(sequence: int, at_ns: int) -> Command:
            return CancelOrder(sequence, at_ns, order.engine_order_id, portfolio_id)

        _raise_refusal(await self._sequencer.submit(Wish(make, source=source)))

    async def cancel_all(
        self, portfolio_id: int, *, instrument_id: int = 0, source: str = "api"
    ) -> list[OrderView]:
        """Cancel every live order of the portfolio, or of one of its instruments; gives them."""

        def make(sequence: int, at_ns: int) -> Command:
            return MassCancel(
                sequence, at_ns, portfolio_id=portfolio_id, instrument_id=instrument_id
            )

        receipt = await self._sequencer.submit(Wish(make, source=source))
        ended = [event.order_id for event in receipt.events if isinstance(event, OrderCancelled)]
        return await self._store.latest(portfolio_id, ended)

    async def find(self, portfolio_id: int, wanted: OrderFilter) -> list[OrderView]:
        """The orders that fit the filter."""
        portfolio = self._sequencer.engine.venue.portfolios.get(portfolio_id)
        orders = [] if portfolio is None else portfolio.orders.all()
        return await self._store.find(portfolio_id, wanted, [one.order_id for one in orders])

    async def _live(self, portfolio_id: int, row_id: int) -> OrderView:
        order = await self._store.by_id(portfolio_id, row_id)
        if order is None:
            raise OrderMissingError("There is no order of this id in this portfolio.")
        if order.state not in LIVE_STATES:
            status = STATUS_WORDS[order.state]
            raise NotCancelableError("order_is_done", f'order is already in "{status}" state')
        return order

    async def _repeated(
        self, portfolio_id: int, receipt: Receipt, placement: Placement
    ) -> OrderView:
        """The order that took this name then, with its legs, if it was placed with these terms."""
        first = await self._store.by_id(portfolio_id, receipt.order_ids[0], is_nested=True)
        if first is None or first.group_kind != placement.kind:
            raise _not_unique()
        views = [first, *(first.legs or ())]
        if not all(
            view.replaces is not None or _is_same(view, terms)
            for view, terms in zip(views, placement.orders, strict=False)
        ):
            raise _not_unique()
        return first

    def _note_extreme(self, view: OrderView) -> None:
        # No event tells where a trailing stop's mark stands before it first moves.
        if view.order_type == TRAILING_STOP and not view.extreme_ticks:
            live = self._sequencer.engine.venue.orders.get(view.engine_order_id)
            if live is not None:
                view.extreme_ticks = live.extreme_ticks

    def _shortage(self, event: OrderRejected, terms: NewOrder) -> str:
        """Alpaca's sentence with the figures, where units are missing; else nothing."""
        if event.reason != Reason.INSUFFICIENT_UNITS:
            return ""
        portfolio = self._sequencer.engine.venue.portfolios.get(event.portfolio_id)
        position = None if portfolio is None else portfolio.positions.get(event.instrument_id)
        free = 0 if position is None else max(position.units - position.held, 0)
        return (
            "insufficient qty available for order "
            f"(requested: {terms.quantity_units}, available: {free})"
        )


def _is_same(view: OrderView, terms: NewOrder) -> bool:
    """Whether an order was placed with these terms, as far as its row still says."""
    has_lost_units = view.reason != 0 or view.leg != 0
    is_moving = view.order_type == TRAILING_STOP
    return (
        view.instrument_id == terms.instrument_id
        and view.side == terms.side
        and view.order_type == terms.order_type
        and view.time_in_force == terms.time_in_force
        and (has_lost_units or view.quantity_units == terms.quantity_units)
        and view.price_ticks == terms.price_ticks
        and (is_moving or view.stop_ticks == terms.stop_ticks)
        and (view.trail_ticks, view.trail_bps) == (terms.trail_ticks, terms.trail_bps)
    )


def _not_unique() -> OrderError:
    return MalformedOrderError("client_order_id_taken", "client_order_id must be unique")


def _raise_refusal(receipt: Receipt) -> None:
    for event in receipt.events:
        if isinstance(event, CommandRefused):
            raise error_of(event.reason)
