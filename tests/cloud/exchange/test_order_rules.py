"""From the text of a request to the terms of an order: every bad input has its code."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.exchange.orders.errors import MalformedOrderError, OrderError
from cloud.exchange.orders.forms import read_order, read_replacement
from cloud.exchange.orders.rules import (
    Placement,
    change_of,
    client_order_id_of,
    placement_of,
    symbol_of,
)
from trading.instruments import Instrument
from trading.orders import (
    BRACKET,
    BUY,
    CANCEL_BOTH,
    CANCEL_NEWEST,
    DAY,
    GTC,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    OCO,
    OTO,
    SELL,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from trading.terms import NewOrder

EQUITY = Instrument(
    7, "AAPL", 1_500_000, ((0, 1), (10_000, 100)), money_multiplier=1, money_divisor=100
)
LIMIT_BUY = {
    "symbol": "AAPL",
    "qty": 10,
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": 150.25,
}
MARKET_BUY = {
    "symbol": "AAPL",
    "qty": 10,
    "side": "buy",
    "type": "market",
    "time_in_force": "day",
}


def placed(body: dict[str, Any] | str, **options: Any) -> Placement:
    text = body if isinstance(body, str) else json.dumps(body)
    form = read_order(text.encode())
    symbol_of(form)
    return placement_of(form, EQUITY, 3, **options)


def only(body: dict[str, Any] | str, **options: Any) -> NewOrder:
    placement = placed(body, **options)
    assert placement.kind == 0
    return placement.orders[0]


def test_a_plain_limit_order():
    assert only(LIMIT_BUY) == NewOrder(3, 7, BUY, LIMIT, DAY, 10, 1_502_500)


@pytest.mark.parametrize("price", ["150.25", '"150.25"', "1.5025e2", "150.2500", "15025E-2"])
def test_numbers_may_be_written_in_any_way_that_is_exact(price):
    body = json.dumps(LIMIT_BUY).replace("150.25", price)
    assert only(body).price_ticks == 1_502_500


def test_a_market_order_and_a_whole_quantity_as_a_float():
    assert only(json.dumps(MARKET_BUY).replace("10", "10.0")) == NewOrder(
        3, 7, BUY, MARKET, DAY, 10
    )


def test_stops_and_trails():
    stop = only(MARKET_BUY | {"type": "stop", "stop_price": "160"})
    assert (stop.order_type, stop.stop_ticks, stop.price_ticks) == (STOP, 1_600_000, 0)
    both = only(MARKET_BUY | {"type": "stop_limit", "stop_price": 160, "limit_price": 161})
    assert (both.order_type, both.stop_ticks, both.price_ticks) == (
        STOP_LIMIT,
        1_600_000,
        1_610_000,
    )
    trail = only(MARKET_BUY | {"type": "trailing_stop", "trail_price": 1.5})
    assert (trail.order_type, trail.trail_ticks, trail.trail_bps) == (TRAILING_STOP, 15_000, 0)
    percent = only(MARKET_BUY | {"type": "trailing_stop", "trail_percent": "2.5"})
    assert (percent.trail_ticks, percent.trail_bps) == (0, 250)


def test_additions():
    order = only(
        LIMIT_BUY
        | {
            "time_in_force": "gtc",
            "expires_at": "2026-03-02T08:00:00.5Z",
            "display_qty": 5,
            "post_only": True,
            "self_trade": "cancel_both",
        }
    )
    assert order.time_in_force == GTD
    assert order.expires_at_ns == 1_772_438_400_500_000_000
    assert (order.display_units, order.is_post_only, order.self_trade) == (5, True, CANCEL_BOTH)


def test_a_sale_may_open_a_short_position_unless_it_says_otherwise():
    sale = MARKET_BUY | {"side": "sell"}
    assert only(sale).is_short
    assert not only(sale, shorts=False).is_short
    closing = only(sale | {"position_intent": "sell_to_close"})
    assert closing.is_reduce_only
    assert not closing.is_short
    assert only(MARKET_BUY | {"position_intent": "buy_to_close"}).is_reduce_only


def test_a_bracket_has_its_exits_on_the_other_side():
    placement = placed(
        LIMIT_BUY
        | {
            "order_class": "bracket",
            "take_profit": {"limit_price": 160},
            "stop_loss": {"stop_price": 140, "limit_price": "139.5"},
        }
    )
    entry, profit, loss = placement.orders
    assert placement.kind == BRACKET
    assert entry == NewOrder(3, 7, BUY, LIMIT, DAY, 10, 1_502_500)
    assert profit == NewOrder(3, 7, SELL, LIMIT, DAY, 10, 1_600_000)
    assert loss == NewOrder(3, 7, SELL, STOP_LIMIT, DAY, 10, 1_395_000, 1_400_000)


def test_an_oco_is_two_exits_of_one_side():
    placement = placed(
        {
            "symbol": "AAPL",
            "qty": "10",
            "side": "sell",
            "type": "limit",
            "time_in_force": "gtc",
            "order_class": "oco",
            "take_profit": {"limit_price": 160},
            "stop_loss": {"stop_price": 140},
        }
    )
    profit, loss = placement.orders
    assert placement.kind == OCO
    assert profit == NewOrder(3, 7, SELL, LIMIT, GTC, 10, 1_600_000)
    assert loss == NewOrder(3, 7, SELL, STOP, GTC, 10, 0, 1_400_000)


def test_an_oto_has_one_exit():
    placement = placed(LIMIT_BUY | {"order_class": "oto", "stop_loss": {"stop_price": 140}})
    assert placement.kind == OTO
    assert placement.orders[1] == NewOrder(3, 7, SELL, STOP, DAY, 10, 0, 1_400_000)


FORTY = "1" * 40
BAD: list[tuple[dict[str, Any], str]] = [
    ({"symbol": None}, "symbol_missing"),
    ({"symbol": ""}, "symbol_missing"),
    ({"symbol": 5}, "field_invalid"),
    ({"qty": None}, "quantity_missing"),
    ({"qty": 0}, "quantity_not_positive"),
    ({"qty": -0.0}, "quantity_not_positive"),
    ({"qty": -1}, "quantity_not_positive"),
    ({"qty": "-1e5"}, "quantity_not_positive"),
    ({"qty": 1.5}, "fractional_quantity"),
    ({"qty": "1." + "0" * 39 + "1"}, "fractional_quantity"),
    ({"qty": 1e-9}, "fractional_quantity"),
    ({"qty": int(FORTY)}, "quantity_too_large"),
    ({"qty": "1e999"}, "quantity_too_large"),
    ({"qty": 1e300}, "quantity_too_large"),
    ({"qty": "9" * 81}, "number_invalid"),
    ({"qty": "NaN"}, "number_invalid"),
    ({"qty": "Infinity"}, "number_invalid"),
    ({"qty": "-Infinity"}, "number_invalid"),
    ({"qty": "1_0"}, "number_invalid"),
    ({"qty": " 1"}, "number_invalid"),
    ({"qty": "\u0661"}, "number_invalid"),
    ({"qty": "0x10"}, "number_invalid"),
    ({"qty": ""}, "number_invalid"),
    ({"qty": True}, "number_invalid"),
    ({"qty": [1]}, "number_invalid"),
    ({"qty": {"a": 1}}, "number_invalid"),
    ({"notional": 1000}, "notional_not_supported"),
    ({"side": None}, "side_invalid"),
    ({"side": "hold"}, "side_invalid"),
    ({"side": 1}, "field_invalid"),
    ({"type": "iceberg"}, "type_invalid"),
    ({"type": None}, "type_invalid"),
    ({"time_in_force": "gfd"}, "time_in_force_invalid"),
    ({"time_in_force": None}, "time_in_force_invalid"),
    ({"limit_price": None}, "price_missing"),
    ({"limit_price": 0}, "price_not_positive"),
    ({"limit_price": -150.25}, "price_not_positive"),
    ({"limit_price": "-1e-5"}, "price_not_positive"),
    ({"limit_price": "NaN"}, "number_invalid"),
    ({"limit_price": "sNaN123"}, "number_invalid"),
    ({"limit_price": 150.255}, "price_off_tick"),
    ({"limit_price": 0.00001}, "price_off_tick"),
    ({"limit_price": "1e-30"}, "price_off_tick"),
    ({"limit_price": "150.25" + "0" * 40 + "1"}, "price_off_tick"),
    ({"limit_price": int(FORTY)}, "price_too_large"),
    ({"limit_price": "1e99"}, "price_too_large"),
    ({"limit_price": 100_000_000.01}, "price_too_large"),
    ({"limit_price": {}}, "number_invalid"),
    ({"extended_hours": "yes"}, "field_invalid"),
    ({"client_order_id": 7}, "field_invalid"),
    ({"order_class": "mleg"}, "order_class_invalid"),
    ({"order_class": "triple"}, "order_class_invalid"),
    ({"legs": [{"symbol": "AAPL"}]}, "order_class_invalid"),
    ({"take_profit": {"limit_price": 160}}, "order_class_invalid"),
    ({"take_profit": 160}, "field_invalid"),
    ({"order_class": "bracket"}, "take_profit_missing"),
    ({"order_class": "bracket", "take_profit": {"limit_price": 160}}, "stop_loss_missing"),
    (
        {"order_class": "bracket", "take_profit": {"limit_price": 160}, "stop_loss": {}},
        "stop_loss_missing",
    ),
    (
        {
            "order_class": "bracket",
            "time_in_force": "ioc",
            "take_profit": {"limit_price": 160},
            "stop_loss": {"stop_price": 140},
        },
        "group_invalid",
    ),
    ({"order_class": "oto"}, "group_invalid"),
    (
        {
            "order_class": "oco",
            "type": "market",
            "take_profit": {"limit_price": 1},
            "stop_loss": {"stop_price": 1},
        },
        "group_invalid",
    ),
    ({"position_intent": "hold"}, "position_intent_invalid"),
    ({"position_intent": "sell_to_open"}, "position_intent_invalid"),
    ({"expires_at": "tomorrow"}, "field_invalid"),
    ({"expires_at": "2026-03-02T08:00:00"}, "field_invalid"),
    ({"expires_at": "2026-03-02T08:00:00Z"}, "expiry_invalid"),
    ({"display_qty": 0}, "quantity_not_positive"),
    ({"self_trade": "maybe"}, "self_trade_invalid"),
    ({"post_only": "true"}, "field_invalid"),
    ({"type": "trailing_stop"}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_price": 1, "trail_percent": 1}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_percent": 0}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_percent": 100}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_percent": "1.005"}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_percent": "1e999"}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_percent": "1.5" + "0" * 40 + "1"}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_price": "-1"}, "trail_invalid"),
    ({"type": "trailing_stop", "trail_price": "1e50"}, "trail_invalid"),
    ({"type": "stop"}, "stop_price_missing"),
    ({"type": "stop", "stop_price": 0}, "price_not_positive"),
]


@pytest.mark.parametrize(("change", "reason"), BAD, ids=lambda value: str(value)[:60])
def test_every_bad_input_has_its_code_and_a_sentence(change, reason):
    with pytest.raises(OrderError) as caught:
        placed(LIMIT_BUY | change)
    assert caught.value.reason == reason
    assert caught.value.status == 422
    assert len(caught.value.message) > 10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"qty": NaN}',
        b'{"qty": Infinity}',
        b'{"qty": 1.}',
        b'{"qty": 01}',
        b'{"client_order_id": "\xff"}',
        b'{"client_order_id": "\\ud800"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_object_is_malformed(body):
    for read in (read_order, read_replacement):
        with pytest.raises(MalformedOrderError):
            read(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**45), 10**45)
    | st.floats()
    | st.decimals().map(str)
    | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = [
    *LIMIT_BUY,
    "stop_price",
    "trail_price",
    "trail_percent",
    "notional",
    "order_class",
    "take_profit",
    "stop_loss",
    "position_intent",
    "expires_at",
    "display_qty",
    "post_only",
    "self_trade",
    "legs",
    "client_order_id",
]


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_whatever_comes_it_is_integers_or_a_refusal(changes):
    try:
        placement = placed(json.dumps(LIMIT_BUY | changes))
    except OrderError:
        return
    for order in placement.orders:
        assert all(type(value) in (int, bool) for value in order.as_tuple())
        assert order.quantity_units > 0
        assert order.price_ticks >= 0


def test_client_order_ids():
    assert client_order_id_of(None) is None
    assert client_order_id_of("") is None
    assert client_order_id_of("my order 1") == "my order 1"
    for bad in ("x" * 129, "a\x00b", "a\nb", "\u2028"):
        with pytest.raises(MalformedOrderError):
            client_order_id_of(bad)


def changed(body: dict[str, Any], **options: Any):
    options = {"time_in_force": DAY, "trail_bps": 0} | options
    return change_of(read_replacement(json.dumps(body).encode()), EQUITY, **options)


def test_replacements():
    change = changed({"qty": 5, "limit_price": 151.5, "time_in_force": "day"})
    assert (change.quantity_units, change.price_ticks) == (5, 1_515_000)
    assert changed({"trail": 1.5}).trail_ticks == 15_000
    assert changed({"trail": 1.5}, trail_bps=100).trail_bps == 150


UNTIL = "2026-12-01T15:00:00Z"
UNTIL_NS = 1_796_137_200_000_000_000


@pytest.mark.parametrize(
    ("was", "body", "becomes"),
    [
        (DAY, {"qty": 5}, (0, 0)),
        (DAY, {"time_in_force": "gtc"}, (GTC, 0)),
        (GTC, {"time_in_force": "day"}, (DAY, 0)),
        (DAY, {"time_in_force": "ioc"}, (IOC, 0)),
        (DAY, {"time_in_force": "gtd", "expires_at": UNTIL}, (GTD, UNTIL_NS)),
        (DAY, {"time_in_force": "gtc", "expires_at": UNTIL}, (GTD, UNTIL_NS)),
        (GTC, {"expires_at": UNTIL}, (GTD, UNTIL_NS)),
        (GTD, {"expires_at": UNTIL}, (GTD, UNTIL_NS)),
        (GTD, {"time_in_force": "day"}, (DAY, 0)),
        # It is shown as gtc: said back, it keeps its instant, which only null takes away.
        (GTD, {"time_in_force": "gtc"}, (0, 0)),
        (GTD, {"time_in_force": "gtd"}, (0, 0)),
        (GTD, {"time_in_force": "gtc", "expires_at": None}, (GTC, 0)),
        (GTD, {"expires_at": None}, (GTC, 0)),
        (DAY, {"expires_at": None}, (0, 0)),
        # The engine says that this goes together in no order.
        (GTD, {"time_in_force": "gtd", "expires_at": None}, (GTD, 0)),
        (DAY, {"time_in_force": "gtd"}, (GTD, 0)),
    ],
)
def test_a_replacement_says_how_long_an_order_lasts(was, body, becomes):
    change = changed(body, time_in_force=was)
    assert (change.time_in_force, change.expires_at_ns) == becomes


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"qty": 0}, "quantity_not_positive"),
        ({"qty": 2.5}, "fractional_quantity"),
        ({"limit_price": 0.123456}, "price_off_tick"),
        ({"stop_price": -1}, "price_not_positive"),
        ({"trail": 0}, "trail_invalid"),
        ({"expires_at": UNTIL}, "expiry_invalid"),
        ({"time_in_force": "day", "expires_at": UNTIL}, "expiry_invalid"),
        ({"time_in_force": "gtd", "expires_at": "2200-01-01T00:00:00Z"}, "expiry_invalid"),
        ({"time_in_force": "gtd", "expires_at": "0001-01-01T00:00:00Z"}, "expiry_invalid"),
        ({"time_in_force": "gtd", "expires_at": "tomorrow"}, "field_invalid"),
        ({"time_in_force": "never"}, "time_in_force_invalid"),
    ],
)
def test_bad_replacements(body, reason):
    with pytest.raises(OrderError) as caught:
        changed(body)
    assert caught.value.reason == reason


def test_self_trade_is_cancel_newest_unless_said_otherwise():
    assert only(LIMIT_BUY).self_trade == CANCEL_NEWEST
