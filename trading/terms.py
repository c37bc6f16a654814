"""What goes into a command: the terms of a new order, and a portfolio's risk limits."""

from typing import Final

from mypy_extensions import mypyc_attr

from trading.bounds import FIGURE_MAX
from trading.orders import CANCEL_NEWEST


@mypyc_attr(acyclic=True)
class NewOrder:
    """What a trader wants: see `orders` for the numbers.

    quantity_units: a multiple of the lot.
    price_ticks: of LIMIT and STOP_LIMIT; 0 otherwise.
    stop_ticks: of STOP and STOP_LIMIT; 0 otherwise (a trailing stop starts from the last price).
    trail_ticks, trail_bps: exactly one of them, of TRAILING_STOP.
    display_units: what an iceberg shows at a time; 0 shows everything.
    expires_at_ns: of GTD.
    is_short: the seller knows that this may open or enlarge a short position.
    """

    def __init__(
        self,
        portfolio_id: int,
        instrument_id: int,
        side: int,
        order_type: int,
        time_in_force: int,
        quantity_units: int,
        price_ticks: int = 0,
        stop_ticks: int = 0,
        trail_ticks: int = 0,
        trail_bps: int = 0,
        display_units: int = 0,
        expires_at_ns: int = 0,
        self_trade: int = CANCEL_NEWEST,
        is_post_only: bool = False,
        is_reduce_only: bool = False,
        is_short: bool = False,
    ) -> None:
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.side: Final[int] = side
        self.order_type: Final[int] = order_type
        self.time_in_force: Final[int] = time_in_force
        self.quantity_units: Final[int] = quantity_units
        self.price_ticks: Final[int] = price_ticks
        self.stop_ticks: Final[int] = stop_ticks
        self.trail_ticks: Final[int] = trail_ticks
        self.trail_bps: Final[int] = trail_bps
        self.display_units: Final[int] = display_units
        self.expires_at_ns: Final[int] = expires_at_ns
        self.self_trade: Final[int] = self_trade
        self.is_post_only: Final[bool] = is_post_only
        self.is_reduce_only: Final[bool] = is_reduce_only
        self.is_short: Final[bool] = is_short

    def as_tuple(self) -> tuple[object, ...]:
        """The constructor's arguments in order."""
        return (
            self.portfolio_id,
            self.instrument_id,
            self.side,
            self.order_type,
            self.time_in_force,
            self.quantity_units,
            self.price_ticks,
            self.stop_ticks,
            self.trail_ticks,
            self.trail_bps,
            self.display_units,
            self.expires_at_ns,
            self.self_trade,
            self.is_post_only,
            self.is_reduce_only,
            self.is_short,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NewOrder) and self.as_tuple() == other.as_tuple()

    def __hash__(self) -> int:
        return hash(self.as_tuple())

    def __repr__(self) -> str:
        return f"NewOrder{self.as_tuple()!r}"


@mypyc_attr(acyclic=True)
class Limits:
    """What a portfolio may do; 0 means no limit, and `may_short` 0 means no.

    max_daily_loss: against the equity at the start of the day, deposits and withdrawals apart.
    collar_bps: how far beyond the last price (a buy above, a sell below) a limit may be.
    max_messages per window_ns: placing, replacing and cancelling, in fixed windows of time.
    duplicate_ns: the same order again within this time is taken for a mistake.
    short_margin_bps: cash reserved beside the proceeds of a short sale.
    """

    def __init__(
        self,
        max_order_units: int = 0,
        max_order_notional: int = 0,
        max_position_units: int = 0,
        max_daily_loss: int = 0,
        collar_bps: int = 0,
        max_messages: int = 0,
        window_ns: int = 1_000_000_000,
        duplicate_ns: int = 0,
        max_open_orders: int = 0,
        may_short: int = 0,
        short_margin_bps: int = 5_000,
    ) -> None:
        self.max_order_units: Final[int] = max_order_units
        self.max_order_notional: Final[int] = max_order_notional
        self.max_position_units: Final[int] = max_position_units
        self.max_daily_loss: Final[int] = max_daily_loss
        self.collar_bps: Final[int] = collar_bps
        self.max_messages: Final[int] = max_messages
        self.window_ns: Final[int] = window_ns
        self.duplicate_ns: Final[int] = duplicate_ns
        self.max_open_orders: Final[int] = max_open_orders
        self.may_short: Final[int] = may_short
        self.short_margin_bps: Final[int] = short_margin_bps

    def as_tuple(self) -> tuple[int, ...]:
        """The constructor's arguments in order."""
        return (
            self.max_order_units,
            self.max_order_notional,
            self.max_position_units,
            self.max_daily_loss,
            self.collar_bps,
            self.max_messages,
            self.window_ns,
            self.duplicate_ns,
            self.max_open_orders,
            self.may_short,
            self.short_margin_bps,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self.as_tuple() == other.as_tuple()

    def __hash__(self) -> int:
        return hash(self.as_tuple())

    def __repr__(self) -> str:
        return f"Limits{self.as_tuple()!r}"

    def is_valid(self) -> bool:
        """Whether every figure is one the engine can work with."""
        return self.window_ns > 0 and all(0 <= figure <= FIGURE_MAX for figure in self.as_tuple())
