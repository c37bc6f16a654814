"""Whatever is sent to /v2: a 4xx in Alpaca's shape with a sentence, and the venue goes on."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.trading_clients import Trader, Venue

LIMIT_BUY = {
    "symbol": "ACME",
    "qty": "10",
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "99.50",
}


class Sender:
    """Sends raw requests with a trader's key and checks that every refusal is a proper one."""

    def __init__(self, venue: Venue, trader: Trader) -> None:
        self._client = venue.app.client
        self._headers = {
            "APCA-API-KEY-ID": trader.key,
            "APCA-API-SECRET-KEY": trader.secret,
            "Content-Type": "application/json",
        }

    async def __call__(
        self, method: str, path: str, content: bytes | None = None, **more: Any
    ) -> httpx.Response:
        answer = await self._client.request(
            method, f"/v2{path}", content=content, headers=self._headers, **more
        )
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            body = answer.json()
            assert set(body) == {"code", "message", "reason"}, body
            assert body["code"] // 100_000 in (answer.status_code, 400), body
            assert len(body["message"]) > 8
            assert "Traceback" not in answer.text
        return answer


@pytest.fixture
def send(venue: Venue, ada: Trader) -> Sender:
    return Sender(venue, ada)


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"qty": "NaN"}, 422, "number_invalid"),
        ({"qty": "-1"}, 422, "quantity_not_positive"),
        ({"qty": "0"}, 422, "quantity_not_positive"),
        ({"qty": "1" * 40}, 422, "quantity_too_large"),
        ({"qty": "1e30"}, 422, "quantity_too_large"),
        ({"qty": 0.5}, 422, "fractional_quantity"),
        ({"qty": None, "notional": 100}, 422, "notional_not_supported"),
        ({"limit_price": "Infinity"}, 422, "number_invalid"),
        ({"limit_price": "1e-9"}, 422, "price_off_tick"),
        ({"limit_price": 99.505}, 422, "price_off_tick"),
        ({"limit_price": "9" * 40}, 422, "price_too_large"),
        ({"symbol": "NOPE"}, 422, "unknown_instrument"),
        ({"symbol": "A" * 5_000}, 422, "unknown_instrument"),
        ({"symbol": "AC\u0000ME"}, 422, "unknown_instrument"),
        ({"symbol": ["ACME"]}, 422, "field_invalid"),
        ({"client_order_id": "a\u0000b"}, 422, "client_order_id_invalid"),
        ({"client_order_id": "x" * 129}, 422, "client_order_id_invalid"),
        ({"post_only": True, "limit_price": "101"}, 200, None),
        ({"time_in_force": "ioc", "display_qty": 5}, 422, "display_invalid"),
        ({"type": "market", "limit_price": 5}, 422, "price_not_allowed"),
        ({"time_in_force": "gtd"}, 422, "expiry_invalid"),
        ({"time_in_force": "gtd", "expires_at": "2001-01-01T00:00:00Z"}, 422, "expiry_invalid"),
        ({"time_in_force": "gtd", "expires_at": "2099-12-31T23:59:59Z"}, 200, None),
        ({"time_in_force": "gtd", "expires_at": "9999-12-31T23:59:59Z"}, 422, "expiry_invalid"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_orders(send: Sender, change: dict[str, Any], status: int, reason: str | None):
    answer = await send("POST", "/orders", json.dumps(LIMIT_BUY | change).encode())
    assert answer.status_code == status, answer.text
    assert answer.json()["reason"] == reason


async def test_bodies_and_addresses(send: Sender):
    placed = (await send("POST", "/orders", json.dumps(LIMIT_BUY).encode())).json()
    for content in (b"", b"[", b"[]", b"null", b"\xff\xfe", b'{"a":' * 50_000, b"{" * 10):
        for method, path in (
            ("POST", "/orders"),
            ("PATCH", f"/orders/{placed['id']}"),
            ("PATCH", "/account/configurations"),
            ("POST", "/watchlists"),
        ):
            assert (await send(method, path, content)).status_code in (400, 422), (path, content)
    too_large = b'{"symbol": "' + b"A" * 3_000_000 + b'"}'
    answer = await send("POST", "/orders", too_large)
    assert (answer.status_code, answer.json()["code"]) == (413, 41310000)
    for method in ("GET", "PATCH", "DELETE"):
        for wrong in ("x", "1", "%00", "0" * 32, "\u00e9"):
            answer = await send(method, f"/orders/{wrong}", b"{}")
            assert answer.status_code in (400, 404, 422), (method, wrong)
    for path, status in (
        ("/nowhere", 404),
        ("/orders?limit=0", 400),
        ("/orders?limit=x", 400),
        ("/orders?status=new", 400),
        ("/orders?after=yesterday", 422),
        ("/orders?after=0001-01-01T00:00:00%2B14:00", 422),
        ("/orders?symbols=%00", 200),
        ("/orders:by_client_order_id?client_order_id=%00", 404),
        ("/orders:by_client_order_id", 400),
        ("/positions/%00", 404),
        ("/assets/%F0%9F%92%A5", 404),
        ("/account/activities?page_size=0", 400),
        ("/account/activities?activity_types=NOPE", 200),
        ("/account/portfolio/history?start=2026-01-02&end=2026-01-01", 422),
        ("/watchlists/x", 422),
        ("/watchlists:by_name?name=%00", 422),
    ):
        answer = await send("GET", path)
        assert answer.status_code == status, (path, answer.text)
    assert (await send("PUT", "/orders")).json()["code"] == 40510000
    assert (await send("GET", "/orders?status=all")).json() == [placed]


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**45), 10**45)
    | st.floats()
    | st.decimals().map(str)
    | st.text(max_size=20)
    | st.lists(st.integers(), max_size=2)
    | st.sampled_from(["buy", "sell", "limit", "bracket", "oco", "day", "ioc", "100.00", "5"])
    | st.fixed_dictionaries({"limit_price": st.sampled_from(["110", "x", 1e308, None])})
    | st.fixed_dictionaries({"stop_price": st.sampled_from(["90", -1, {}, "0.0001"])})
)
FIELDS = st.sampled_from(
    [
        *LIMIT_BUY,
        "stop_price",
        "trail_price",
        "trail_percent",
        "order_class",
        "take_profit",
        "stop_loss",
        "position_intent",
        "expires_at",
        "display_qty",
        "self_trade",
        "client_order_id",
        "extended_hours",
    ]
)


async def test_made_up_orders_never_fail(send: Sender, ada: Trader, venue: Venue):
    requests: list[bytes] = []

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.dictionaries(FIELDS, VALUES, max_size=5))
    def collect(changes: dict[str, Any]) -> None:
        requests.append(json.dumps(LIMIT_BUY | changes).encode())

    collect()
    placed = 0
    for content in requests:
        answer = await send("POST", "/orders", content)
        placed += answer.status_code == 200
    assert placed > 0
    for order in venue.app.sequencer.engine.venue.portfolios[ada.portfolio_id].orders.all():
        assert all(type(value) in (int, bool) for value in order.terms.as_tuple())


async def test_a_body_that_comes_in_pieces_is_one_body_and_bounded_as_a_whole(
    venue: Venue, ada: Trader
):
    headers = {"APCA-API-KEY-ID": ada.key, "APCA-API-SECRET-KEY": ada.secret}

    async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def post(*parts: bytes) -> httpx.Response:
        client = venue.app.client
        return await client.post("/v2/orders", content=pieces(*parts), headers=headers)

    whole = json.dumps(LIMIT_BUY).encode()
    answer = await post(whole[:20], b"", whole[20:70], whole[70:])
    assert (answer.status_code, answer.json()["limit_price"]) == (200, "99.50")
    assert answer.headers["content-type"] == "application/json"
    answer = await post(b'{"symbol": "', *[b"A" * 60_000] * 50)
    assert (answer.status_code, answer.json()["code"]) == (413, 41310000)
