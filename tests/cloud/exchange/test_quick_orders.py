"""The quick way reads what it reads exactly as the rules do, and leaves the rest to them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.orders.errors import OrderError
from cloud.exchange.orders.forms import read_order
from cloud.exchange.orders.quick import plain_limit
from cloud.exchange.orders.rules import placement_of
from trading.instruments import Instrument
from trading.terms import NewOrder

EQUITY = Instrument(1, "ACME", 1_000_000, ((0, 1), (10_000, 100)), money_divisor=100)
ODD = Instrument(2, "ODD", 50, ((0, 1), (1_000, 5)), money_multiplier=7, money_divisor=3)

plain_numbers = st.one_of(
    st.integers(-2, 10**10),
    st.decimals(-1, 10**6, places=2).map(str),
    st.decimals(0, 2_000, places=4).map(str),
    st.sampled_from(["", "1.", ".5", "007", "1e3", "NaN", " 1", "1_0", "٣", "-0", "0.0", "+1"]),
)
words = st.fixed_dictionaries(
    {
        "symbol": st.just("ACME"),
        "qty": plain_numbers,
        "limit_price": plain_numbers,
        "side": st.sampled_from(["buy", "sell", "hold"]),
        "type": st.sampled_from(["limit", "limit", "limit", "market"]),
        "time_in_force": st.sampled_from(["day", "gtc", "ioc", "fok", "opg", "x"]),
    },
    optional={
        "post_only": st.booleans(),
        "extended_hours": st.booleans(),
        "stop_price": plain_numbers,
        "order_class": st.sampled_from(["", "simple", "oco"]),
        "notional": st.sampled_from([None, 5]),
        "display_qty": st.sampled_from([None, 1]),
        "position_intent": st.sampled_from(["buy_to_open", "sell_to_close"]),
        "self_trade": st.sampled_from(["allow", "cancel_newest"]),
        "legs": st.just([]),
    },
)


@given(words, st.sampled_from([EQUITY, ODD]))
def test_what_is_read_quickly_is_what_the_rules_read(
    order: dict[str, object], instrument: Instrument
) -> None:
    form = read_order(msgspec.json.encode(order))
    quick = plain_limit(form, instrument, 7)
    if quick is None:
        return
    assert placement_of(form, instrument, 7).orders == (quick,)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("quantity", [12, "12"])
@pytest.mark.parametrize("price", [99.37, "99.37", "99.3700"])
def test_plain_orders_are_read_quickly(side: str, quantity: object, price: object) -> None:
    order = {"symbol": "ACME", "side": side, "qty": quantity, "limit_price": price}
    order |= {"type": "limit", "time_in_force": "day", "client_order_id": "mine"}
    quick = plain_limit(read_order(msgspec.json.encode(order)), EQUITY, 7)
    assert isinstance(quick, NewOrder)
    assert (quick.quantity_units, quick.price_ticks) == (12, 993_700)


def test_a_refusal_is_the_rules_to_say() -> None:
    order = {"symbol": "ACME", "side": "buy", "qty": "1", "limit_price": "99.005"}
    order |= {"type": "limit", "time_in_force": "day"}
    form = read_order(msgspec.json.encode(order))
    assert plain_limit(form, EQUITY, 7) is None
    with pytest.raises(OrderError):
        placement_of(form, EQUITY, 7)
