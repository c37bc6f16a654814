"""From what a trader sent to the terms the engine takes, or to the one thing wrong with it; pure.

Only what the engine cannot see is decided here: words, numbers as text, whole units, and prices
that are no ticks. Whether the terms make sense together, and whether risk allows them, the engine
says itself, so that every way in gets the same answer.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from cloud.exchange.orders.errors import MalformedOrderError, OrderError
from cloud.exchange.orders.forms import OrderForm, ReplaceForm, StopLossForm
from cloud.exchange.orders.numbers import decimal_of, units_of
from cloud.exchange.orders.words import (
    ORDER_CLASSES,
    ORDER_TYPES,
    POSITION_INTENTS,
    SELF_TRADE_MODES,
    SIDES,
    TIMES_IN_FORCE,
)
from cloud.exchange.prices import increment_text, whole_ticks
from trading.command_base import Command
from trading.commands import PlaceGroup, PlaceOrder, ReplaceOrder
from trading.instruments import BPS, Instrument
from trading.orders import (
    BRACKET,
    BUY,
    CANCEL_NEWEST,
    DAY,
    GTC,
    GTD,
    LIMIT,
    OCO,
    OTO,
    PRICE_TICKS_MAX,
    QUANTITY_UNITS_MAX,
    SELL,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from trading.terms import NewOrder

CLIENT_ORDER_ID_MAX: Final = 128
EXPIRES_NS_MAX: Final = 1 << 62
"""In the year 2116; what is later does not fit where instants are stored."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PERCENT_BPS: Final = 100


class Placement(msgspec.Struct, frozen=True):
    """Orders to be placed together. kind: 0 for one alone, or a `GroupKind`."""

    kind: int
    orders: tuple[NewOrder, ...]

    def command(self, sequence: int, at_ns: int) -> Command:
        """What the sequencer is to submit."""
        if self.kind == 0:
            return PlaceOrder(sequence, at_ns, self.orders[0])
        return PlaceGroup(sequence, at_ns, self.kind, self.orders)


class Change(msgspec.Struct, frozen=True):
    """What is to change of an order; 0: stays."""

    quantity_units: int = 0
    price_ticks: int = 0
    stop_ticks: int = 0
    trail_ticks: int = 0
    trail_bps: int = 0
    display_units: int = 0
    time_in_force: int = 0
    expires_at_ns: int = 0

    def command(
        self, sequence: int, at_ns: int, *, order_id: int, portfolio_id: int
    ) -> ReplaceOrder:
        """What the sequencer is to submit."""
        return ReplaceOrder(
            sequence,
            at_ns,
            order_id,
            portfolio_id,
            self.quantity_units,
            self.price_ticks,
            self.stop_ticks,
            self.trail_ticks,
            self.trail_bps,
            self.display_units,
            self.time_in_force,
            self.expires_at_ns,
        )


def symbol_of(form: OrderForm) -> str:
    """The symbol, as instruments are listed by it.

    Raises:
        MalformedOrderError: there is none.
    """
    if not form.symbol:
        raise MalformedOrderError("symbol_missing", "symbol is required.")
    return form.symbol


def client_order_id_of(text: str | None) -> str | None:
    """The id the trader chose; None if there is none.

    Raises:
        MalformedOrderError: longer than 128 characters, or with control characters.
    """
    if not text:
        return None
    if len(text) > CLIENT_ORDER_ID_MAX or not text.isprintable():
        raise MalformedOrderError(
            "client_order_id_invalid",
            f"client_order_id must have at most {CLIENT_ORDER_ID_MAX} printable characters.",
        )
    return text


def placement_of(
    form: OrderForm, instrument: Instrument, portfolio_id: int, *, shorts: bool = True
) -> Placement:
    """The orders that the form asks for.

    shorts: a sale without units may open a short position, if risk allows it: Alpaca's way.

    Raises:
        MalformedOrderError: a word or number is missing or unreadable.
        OrderError: it is readable, but no order of this instrument can be like that.
    """
    kind = _class_of(form)
    side, opens = _side_of(form)
    order_type = _word(ORDER_TYPES, form.type, "type")
    time_in_force = _word(TIMES_IN_FORCE, form.time_in_force, "time_in_force")
    expires_at_ns = 0
    if form.expires_at is not None:
        if time_in_force not in (GTC, GTD):
            raise _misplaced_expiry()
        time_in_force, expires_at_ns = GTD, _instant_ns(form.expires_at)
    if kind != 0 and time_in_force not in (DAY, GTC, GTD):
        raise OrderError("group_invalid", "Orders with legs take time_in_force day or gtc.")
    units = _quantity_of(form)
    is_reduce_only = form.reduce_only is True or opens is False
    price, stop, trail, trail_bps = _prices_of(form, instrument, kind, order_type)
    self_trade = (
        CANCEL_NEWEST
        if form.self_trade is None
        else _word(SELF_TRADE_MODES, form.self_trade, "self_trade")
    )
    first = NewOrder(
        portfolio_id,
        instrument.instrument_id,
        side,
        order_type,
        time_in_force,
        units,
        price,
        stop,
        trail,
        trail_bps,
        _optional_units(form.display_qty, "display_qty"),
        expires_at_ns,
        self_trade,
        form.post_only is True,
        is_reduce_only,
        side == SELL and kind != OCO and shorts and not is_reduce_only,
    )
    if kind == 0:
        _refuse_legs(form)
        return Placement(0, (first,))
    return Placement(kind, (first, *_legs_of(form, instrument, kind, first)))


def change_of(
    form: ReplaceForm, instrument: Instrument, *, time_in_force: int, trail_bps: int
) -> Change:
    """What a replacement changes. time_in_force, trail_bps: of the order as it is.

    Raises:
        MalformedOrderError: a word or number is unreadable.
        OrderError: nothing of the order can be changed like that.
    """
    trail = decimal_of(form.trail, "trail")
    trail_ticks = new_bps = 0
    if trail is not None and trail_bps != 0:
        new_bps = _bps_of(trail, "trail")
    elif trail is not None:
        trail_ticks = _distance_of(trail, instrument, "trail")
    return Change(
        _optional_units(form.qty, "qty"),
        _price_of(form.limit_price, instrument, "limit_price"),
        _price_of(form.stop_price, instrument, "stop_price"),
        trail_ticks,
        new_bps,
        _optional_units(form.display_qty, "display_qty"),
        *_end_of(form, time_in_force),
    )


def _end_of(form: ReplaceForm, time_in_force: int) -> tuple[int, int]:
    """The time in force that is asked for and its instant, if any; twice 0: both stay."""
    wanted = 0
    if form.time_in_force is not None:
        wanted = _word(TIMES_IN_FORCE, form.time_in_force, "time_in_force")
    at = form.expires_at
    if isinstance(at, datetime):
        if (wanted or time_in_force) not in (GTC, GTD):
            raise _misplaced_expiry()
        return GTD, _instant_ns(at)
    if time_in_force != GTD:
        return wanted, 0
    if at is None and wanted == 0:
        return GTC, 0
    # It is shown as gtc: who says back what he was shown does not take the instant away.
    is_said_back = at is msgspec.UNSET and wanted in (GTC, GTD)
    return (0, 0) if is_said_back else (wanted, 0)


def _misplaced_expiry() -> OrderError:
    return OrderError("expiry_invalid", "expires_at goes with time_in_force gtd (or gtc).")


def _word(words: dict[str, int], word: str | None, field: str) -> int:
    if word is None or word not in words:
        known = ", ".join(name for name in words if name)
        problem = f"{field} is required" if word is None else f"{field} is unknown"
        raise MalformedOrderError(f"{field}_invalid", f"{problem}; it is one of {known}.")
    return words[word]


def _class_of(form: OrderForm) -> int:
    if form.order_class == "mleg" or bytes(form.legs) not in (b"", b"null", b"[]"):
        raise OrderError("order_class_invalid", "There are no multi-leg (option) orders here.")
    return _word(ORDER_CLASSES, form.order_class or "", "order_class")


def _side_of(form: OrderForm) -> tuple[int, bool | None]:
    """The side, and whether the position is to be opened; None where that was not said."""
    if form.position_intent is None:
        return _word(SIDES, form.side, "side"), None
    if form.position_intent not in POSITION_INTENTS:
        _word(dict.fromkeys(POSITION_INTENTS, 0), form.position_intent, "position_intent")
    side, opens = POSITION_INTENTS[form.position_intent]
    if form.side is not None and _word(SIDES, form.side, "side") != side:
        raise OrderError("position_intent_invalid", "side and position_intent contradict.")
    return side, opens


def _quantity_of(form: OrderForm) -> int:
    quantity = decimal_of(form.qty, "qty")
    if decimal_of(form.notional, "notional") is not None:
        raise OrderError(
            "notional_not_supported", "Only whole units trade here: send qty, not notional."
        )
    if quantity is None:
        raise MalformedOrderError("quantity_missing", "qty is required.")
    return _bounded(units_of(quantity, "qty"), "qty")


def _optional_units(raw: msgspec.Raw, field: str) -> int:
    number = decimal_of(raw, field)
    return 0 if number is None else _bounded(units_of(number, field), field)


def _bounded(units: int, field: str) -> int:
    if units > QUANTITY_UNITS_MAX:
        raise MalformedOrderError("quantity_too_large", f"{field} is too large.")
    return units


def _prices_of(
    form: OrderForm, instrument: Instrument, kind: int, order_type: int
) -> tuple[int, int, int, int]:
    """Limit, stop, trail as a distance and trail in bps of the (first) order; 0: none."""
    price = _price_of(form.limit_price, instrument, "limit_price")
    if kind == OCO:
        if order_type != LIMIT:
            raise OrderError("group_invalid", "An oco order has type limit.")
        profit = _take_profit(form, instrument)
        if price not in (0, profit):
            raise OrderError("group_invalid", "limit_price and take_profit.limit_price differ.")
        price = profit
    elif price == 0 and order_type in (LIMIT, STOP_LIMIT):
        raise MalformedOrderError("price_missing", "This type of order needs a limit_price.")
    stop = _price_of(form.stop_price, instrument, "stop_price")
    if stop == 0 and order_type in (STOP, STOP_LIMIT):
        raise MalformedOrderError("stop_price_missing", "This type of order needs a stop_price.")
    distance = decimal_of(form.trail_price, "trail_price")
    percent = decimal_of(form.trail_percent, "trail_percent")
    if order_type == TRAILING_STOP and (distance is None) == (percent is None):
        raise MalformedOrderError(
            "trail_invalid", "A trailing stop needs either trail_price or trail_percent."
        )
    trail = 0 if distance is None else _distance_of(distance, instrument, "trail_price")
    bps = 0 if percent is None else _bps_of(percent, "trail_percent")
    return price, stop, trail, bps


def _price_of(raw: msgspec.Raw, instrument: Instrument, field: str) -> int:
    """The price in ticks; 0 where there is none."""
    price = decimal_of(raw, field)
    if price is None:
        return 0
    if price <= 0:
        raise MalformedOrderError("price_not_positive", f"{field} must be more than 0.")
    ticks = whole_ticks(instrument, price)
    if price.adjusted() > 20 or (ticks is not None and ticks > PRICE_TICKS_MAX):
        raise MalformedOrderError("price_too_large", f"{field} is too large.")
    if ticks is None or not instrument.is_on_tick(ticks):
        step = increment_text(instrument, ticks or _level_of(instrument, price))
        raise OrderError(
            "price_off_tick", f"invalid {field}: prices at this level are multiples of {step}."
        )
    return ticks


def _level_of(instrument: Instrument, price: Decimal) -> int:
    """Roughly where the price is, in ticks, to name the step there."""
    return whole_ticks(instrument, Decimal(int(price))) or 0


def _distance_of(distance: Decimal, instrument: Instrument, field: str) -> int:
    ticks = whole_ticks(instrument, distance)
    if ticks is None or not 0 < ticks <= PRICE_TICKS_MAX:
        raise OrderError(
            "trail_invalid",
            f"{field} must be more than 0 and a multiple of {increment_text(instrument, 0)}.",
        )
    return ticks


def _bps_of(percent: Decimal, field: str) -> int:
    # Exact, where a product of Decimals would round numbers of more digits than its context has.
    above, below = percent.as_integer_ratio() if -20 < percent.adjusted() < 20 else (0, 1)
    bps, rest = divmod(above * _PERCENT_BPS, below)
    if rest or not 0 < bps < BPS:
        raise OrderError(
            "trail_invalid", f"{field} must be more than 0, less than 100, in steps of 0.01."
        )
    return bps


def _take_profit(form: OrderForm, instrument: Instrument) -> int:
    price = (
        0
        if form.take_profit is None
        else _price_of(form.take_profit.limit_price, instrument, "take_profit.limit_price")
    )
    if price == 0:
        raise MalformedOrderError("take_profit_missing", "take_profit.limit_price is required.")
    return price


def _legs_of(
    form: OrderForm, instrument: Instrument, kind: int, first: NewOrder
) -> tuple[NewOrder, ...]:
    """The orders behind the first: of an OCO its stop, else the exits on the other side."""
    side = first.side if kind == OCO else (SELL if first.side == BUY else BUY)
    profit: tuple[NewOrder, ...] = ()
    if kind == BRACKET or (kind == OTO and form.take_profit is not None):
        profit = (_leg(first, side, LIMIT, _take_profit(form, instrument), 0),)
    loss: tuple[NewOrder, ...] = ()
    if kind != OTO or form.stop_loss is not None:
        loss = (_stop_leg(form.stop_loss, instrument, first, side),)
    legs = profit + loss
    if kind == OTO and len(legs) != 1:
        raise OrderError("group_invalid", "An oto order has either take_profit or stop_loss.")
    return legs


def _stop_leg(
    form: StopLossForm | None, instrument: Instrument, first: NewOrder, side: int
) -> NewOrder:
    if form is None:
        raise MalformedOrderError("stop_loss_missing", "stop_loss.stop_price is required.")
    stop = _price_of(form.stop_price, instrument, "stop_loss.stop_price")
    if stop == 0:
        raise MalformedOrderError("stop_loss_missing", "stop_loss.stop_price is required.")
    price = _price_of(form.limit_price, instrument, "stop_loss.limit_price")
    return _leg(first, side, STOP_LIMIT if price else STOP, price, stop)


def _leg(first: NewOrder, side: int, order_type: int, price: int, stop: int) -> NewOrder:
    """One more order of the group: an exit, so it never sells short."""
    return NewOrder(
        first.portfolio_id,
        first.instrument_id,
        side,
        order_type,
        first.time_in_force,
        first.quantity_units,
        price,
        stop,
        expires_at_ns=first.expires_at_ns,
        self_trade=first.self_trade,
    )


def _refuse_legs(form: OrderForm) -> None:
    if form.take_profit is not None or form.stop_loss is not None:
        raise OrderError(
            "order_class_invalid",
            "take_profit and stop_loss go with order_class bracket, oco or oto.",
        )


def _instant_ns(at: datetime) -> int:
    found = (at - _EPOCH) // timedelta(microseconds=1) * 1_000
    if found <= 0:
        # The engine would say so too; the journal has no room for what is so long ago.
        raise OrderError("expiry_invalid", "expires_at must lie in the future.")
    if found > EXPIRES_NS_MAX:
        raise OrderError("expiry_invalid", "expires_at lies too far in the future; use gtc.")
    return found
