"""The commonest order, read in one go: a plain limit order with plain numbers.

`orders/rules.py` says what every order means. This reads the same from nine orders in ten in a
fifth of the time, and leaves everything else, every doubt and every refusal to it; a test holds
the two against each other.
"""

from typing import Final

import msgspec

from cloud.exchange.orders.forms import OrderForm
from cloud.exchange.orders.numbers import ABSENT
from cloud.exchange.prices import MINOR_PER_MAJOR
from trading.instruments import Instrument
from trading.orders import BUY, CANCEL_NEWEST, DAY, GTC, IOC, LIMIT, SELL
from trading.terms import NewOrder

_SIDES: Final = {"buy": BUY, "sell": SELL}
_TIMES: Final = {"day": DAY, "gtc": GTC, "ioc": IOC}
_DIGITS_MAX: Final = 9
_POWERS: Final = tuple(10**places for places in range(_DIGITS_MAX + 1))


def plain_limit(form: OrderForm, instrument: Instrument, portfolio_id: int) -> NewOrder | None:
    """The order, as `rules.placement_of` would read it; None where only that can tell."""
    if form.type != "limit" or not _is_plain(form):
        return None
    side = _SIDES.get(form.side or "", 0)
    time_in_force = _TIMES.get(form.time_in_force or "", 0)
    units = _whole(_text(form.qty))
    ticks = _ticks(_text(form.limit_price), instrument)
    if not (side and time_in_force and units and ticks):
        return None
    return NewOrder(
        portfolio_id,
        instrument.instrument_id,
        side,
        LIMIT,
        time_in_force,
        units,
        ticks,
        0,
        0,
        0,
        0,
        0,
        CANCEL_NEWEST,
        False,
        False,
        side == SELL,
    )


def _is_plain(form: OrderForm) -> bool:
    """Whether there is nothing in it but what every order has."""
    return (
        form.notional is ABSENT
        and form.stop_price is ABSENT
        and form.trail_price is ABSENT
        and form.trail_percent is ABSENT
        and form.legs is ABSENT
        and form.display_qty is ABSENT
        and form.order_class is None
        and form.take_profit is None
        and form.stop_loss is None
        and form.position_intent is None
        and form.expires_at is None
        and form.post_only is None
        and form.reduce_only is None
        and form.self_trade is None
    )


def _text(raw: msgspec.Raw) -> bytes:
    """A number's text, without the quotes it may stand in."""
    text = bytes(raw)
    return text[1:-1] if text[:1] == b'"' else text


def _whole(text: bytes) -> int:
    """A whole, positive number of at most nine digits; 0 otherwise."""
    return int(text) if text.isdigit() and len(text) <= _DIGITS_MAX else 0


def _ticks(text: bytes, instrument: Instrument) -> int:
    """A decimal price in ticks; 0 where that takes a closer look."""
    whole, _, parts = text.partition(b".")
    digits = whole + parts
    if not whole or not digits.isdigit() or len(digits) > _DIGITS_MAX or text[-1:] == b".":
        return 0
    return instrument.ticks_of(int(digits) * MINOR_PER_MAJOR, _POWERS[len(parts)])
