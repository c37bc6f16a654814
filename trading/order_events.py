"""What can happen to an order; `events` has them together with all others."""

from typing import ClassVar, Final

from mypy_extensions import mypyc_attr

from trading.bounds import known
from trading.event_base import Event
from trading.terms import NewOrder


@mypyc_attr(acyclic=True)
class OrderAccepted(Event):
    """An order got its number (dense, in order of acceptance) and its reservations.

    price_ticks: the worst price it may trade at; of market orders, the protection price.
    state: OPEN, UNTRIGGERED or HELD. `order` is what was asked for.
    """

    KIND: ClassVar[int] = 8

    def __init__(
        self,
        sequence: int,
        order_id: int,
        portfolio_id: int,
        instrument_id: int,
        group_id: int,
        state: int,
        price_ticks: int,
        stop_ticks: int,
        held_cash: int,
        held_units: int,
        order: NewOrder,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.group_id: Final[int] = group_id
        self.state: Final[int] = state
        self.price_ticks: Final[int] = price_ticks
        self.stop_ticks: Final[int] = stop_ticks
        self.held_cash: Final[int] = held_cash
        self.held_units: Final[int] = held_units
        self.order: Final[NewOrder] = order

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.portfolio_id,
            self.instrument_id,
            self.group_id,
            self.state,
            self.price_ticks,
            self.stop_ticks,
            self.held_cash,
            self.held_units,
            self.order.as_tuple(),
        )


@mypyc_attr(acyclic=True)
class OrderRejected(Event):
    """A new order, or a whole group, was refused and left no trace but this.

    An id that can be none is told as 0.
    """

    KIND: ClassVar[int] = 9

    def __init__(self, sequence: int, portfolio_id: int, instrument_id: int, reason: int) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = known(portfolio_id)
        self.instrument_id: Final[int] = known(instrument_id)
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.instrument_id,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class OrderRested(Event):
    """An order shows these units at the back of its price's queue: new, triggered, refilled."""

    KIND: ClassVar[int] = 10

    def __init__(
        self,
        sequence: int,
        order_id: int,
        instrument_id: int,
        side: int,
        price_ticks: int,
        visible_units: int,
        remaining_units: int,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.instrument_id: Final[int] = instrument_id
        self.side: Final[int] = side
        self.price_ticks: Final[int] = price_ticks
        self.visible_units: Final[int] = visible_units
        self.remaining_units: Final[int] = remaining_units

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.instrument_id,
            self.side,
            self.price_ticks,
            self.visible_units,
            self.remaining_units,
        )


@mypyc_attr(acyclic=True)
class OrderFilled(Event):
    """A trade. In an auction the maker is the older order of the two.

    trade_id: dense over the venue. maker_fee is negative for a rebate.
    """

    KIND: ClassVar[int] = 11

    def __init__(
        self,
        sequence: int,
        trade_id: int,
        instrument_id: int,
        maker_order_id: int,
        taker_order_id: int,
        maker_portfolio_id: int,
        taker_portfolio_id: int,
        taker_side: int,
        price_ticks: int,
        quantity_units: int,
        notional: int,
        maker_fee: int,
        taker_fee: int,
        maker_remaining_units: int,
        taker_remaining_units: int,
        is_auction: bool,
    ) -> None:
        super().__init__(sequence)
        self.trade_id: Final[int] = trade_id
        self.instrument_id: Final[int] = instrument_id
        self.maker_order_id: Final[int] = maker_order_id
        self.taker_order_id: Final[int] = taker_order_id
        self.maker_portfolio_id: Final[int] = maker_portfolio_id
        self.taker_portfolio_id: Final[int] = taker_portfolio_id
        self.taker_side: Final[int] = taker_side
        self.price_ticks: Final[int] = price_ticks
        self.quantity_units: Final[int] = quantity_units
        self.notional: Final[int] = notional
        self.maker_fee: Final[int] = maker_fee
        self.taker_fee: Final[int] = taker_fee
        self.maker_remaining_units: Final[int] = maker_remaining_units
        self.taker_remaining_units: Final[int] = taker_remaining_units
        self.is_auction: Final[bool] = is_auction

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.trade_id,
            self.instrument_id,
            self.maker_order_id,
            self.taker_order_id,
            self.maker_portfolio_id,
            self.taker_portfolio_id,
            self.taker_side,
            self.price_ticks,
            self.quantity_units,
            self.notional,
            self.maker_fee,
            self.taker_fee,
            self.maker_remaining_units,
            self.taker_remaining_units,
            self.is_auction,
        )


@mypyc_attr(acyclic=True)
class OrderCancelled(Event):
    """An order ended with these units unfilled."""

    KIND: ClassVar[int] = 12

    def __init__(
        self,
        sequence: int,
        order_id: int,
        portfolio_id: int,
        instrument_id: int,
        remaining_units: int,
        reason: int,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.remaining_units: Final[int] = remaining_units
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.portfolio_id,
            self.instrument_id,
            self.remaining_units,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class OrderExpired(Event):
    """An order's time in force ended with these units unfilled."""

    KIND: ClassVar[int] = 13

    def __init__(
        self,
        sequence: int,
        order_id: int,
        portfolio_id: int,
        instrument_id: int,
        remaining_units: int,
        reason: int,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.remaining_units: Final[int] = remaining_units
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.portfolio_id,
            self.instrument_id,
            self.remaining_units,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class OrderReduced(Event):
    """An order lost units without trading them and works on with what remains."""

    KIND: ClassVar[int] = 14

    def __init__(
        self,
        sequence: int,
        order_id: int,
        instrument_id: int,
        by_units: int,
        remaining_units: int,
        reason: int,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.instrument_id: Final[int] = instrument_id
        self.by_units: Final[int] = by_units
        self.remaining_units: Final[int] = remaining_units
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.instrument_id,
            self.by_units,
            self.remaining_units,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class OrderReplaced(Event):
    """An order was changed in place; where it lost its priority, `OrderRested` follows.

    quantity_units: the whole order, what was filled before included.
    visible_units: what it shows now, if it is in the book and kept its place.
    """

    KIND: ClassVar[int] = 15

    def __init__(
        self,
        sequence: int,
        order_id: int,
        portfolio_id: int,
        instrument_id: int,
        quantity_units: int,
        remaining_units: int,
        price_ticks: int,
        stop_ticks: int,
        visible_units: int,
        has_kept_priority: bool,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.quantity_units: Final[int] = quantity_units
        self.remaining_units: Final[int] = remaining_units
        self.price_ticks: Final[int] = price_ticks
        self.stop_ticks: Final[int] = stop_ticks
        self.visible_units: Final[int] = visible_units
        self.has_kept_priority: Final[bool] = has_kept_priority

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.portfolio_id,
            self.instrument_id,
            self.quantity_units,
            self.remaining_units,
            self.price_ticks,
            self.stop_ticks,
            self.visible_units,
            self.has_kept_priority,
        )


@mypyc_attr(acyclic=True)
class OrderTriggered(Event):
    """A stop was elected by a trade and now works at this limit."""

    KIND: ClassVar[int] = 16

    def __init__(self, sequence: int, order_id: int, instrument_id: int, price_ticks: int) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.instrument_id: Final[int] = instrument_id
        self.price_ticks: Final[int] = price_ticks

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.instrument_id,
            self.price_ticks,
        )


@mypyc_attr(acyclic=True)
class OrderActivated(Event):
    """A held order of a group was let go with this quantity, in the state OPEN or UNTRIGGERED."""

    KIND: ClassVar[int] = 18

    def __init__(
        self,
        sequence: int,
        order_id: int,
        instrument_id: int,
        quantity_units: int,
        state: int,
        price_ticks: int,
        stop_ticks: int,
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.instrument_id: Final[int] = instrument_id
        self.quantity_units: Final[int] = quantity_units
        self.state: Final[int] = state
        self.price_ticks: Final[int] = price_ticks
        self.stop_ticks: Final[int] = stop_ticks

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.instrument_id,
            self.quantity_units,
            self.state,
            self.price_ticks,
            self.stop_ticks,
        )


@mypyc_attr(acyclic=True)
class ActivationRefused(Event):
    """A held order could not be let go and is REJECTED."""

    KIND: ClassVar[int] = 19

    def __init__(self, sequence: int, order_id: int, instrument_id: int, reason: int) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.instrument_id: Final[int] = instrument_id
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.instrument_id,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class StopMoved(Event):
    """A trailing stop followed the market; `extreme_ticks` is the high- or low-water mark."""

    KIND: ClassVar[int] = 17

    def __init__(
        self, sequence: int, order_id: int, instrument_id: int, stop_ticks: int, extreme_ticks: int
    ) -> None:
        super().__init__(sequence)
        self.order_id: Final[int] = order_id
        self.instrument_id: Final[int] = instrument_id
        self.stop_ticks: Final[int] = stop_ticks
        self.extreme_ticks: Final[int] = extreme_ticks

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.order_id,
            self.instrument_id,
            self.stop_ticks,
            self.extreme_ticks,
        )
