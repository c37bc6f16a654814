"""Orders over one WebSocket, as a trader's program sees it."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from cloud.exchange.order_entry.connection import Connection
from cloud.exchange.order_entry.routes import AccessGate
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.restarting import RESTARTED
from cloud.exchange.tables import REPLACED
from cloud.exchange.updates.service import TradeUpdates
from tests.cloud.exchange.order_entry.conftest import EntryClient, entry_of, signed_in
from tests.support.trading_clients import Trader, Venue
from trading.commands import SetPhase
from trading.instruments import CLOSED
from trading.orders import DAY, EXPIRED, GTC, OPEN


async def test_an_order_is_placed_replaced_and_cancelled(venue: Venue, ada: Trader) -> None:
    async with signed_in(ada) as client:
        placed = await client.place(1, qty="10", side="buy", limit_price="99.50")
        assert placed["t"] == "ack"
        assert placed["status"] == "new"
        replaced = await client.ask(
            "replace", ref=2, id=placed["id"], change={"qty": "4", "limit_price": "99.60"}
        )
        assert replaced["t"] == "ack"
        assert replaced["id"] != placed["id"]
        gone = await client.ask("cancel", ref=3, id=placed["id"])
        assert (gone["t"], gone["code"]) == ("refused", "order_is_done")
        cancelled = await client.ask("cancel", ref=4, id=replaced["id"])
        assert (cancelled["t"], cancelled["orders"]) == ("ack", 1)
        assert placed["seq"] < replaced["seq"] < cancelled["seq"]
    rows = await venue.app.kit.database.pool.fetch(
        "SELECT state, quantity_units, source FROM orders ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [(9, 10, "ws"), (6, 4, "ws")]


async def test_a_replacement_can_change_how_long_an_order_lasts(venue: Venue, ada: Trader) -> None:
    async with signed_in(ada) as client:
        await client.ask("listen", ref=9)
        placed = await client.place(1, qty="4", side="buy", limit_price="99", client_order_id="a")
        changed = {"time_in_force": "gtc"}
        done = await client.ask("replace", ref=2, client_order_id="a", change=changed)
        assert (done["t"], done["status"]) == ("ack", "new")
        told = [await client.next() for _ in range(2)]
        assert [one["data"]["event"] for one in told] == ["replaced", "new"]
        lasts = [one["data"]["order"]["time_in_force"] for one in told]
        assert lasts == ["day", "gtc"]
        for wanted, code in (("gtc", "nothing_to_replace"), ("fok", "time_in_force_fixed")):
            refused = await client.ask(
                "replace", ref=3, id=done["id"], change={"time_in_force": wanted}
            )
            assert (refused["t"], refused["code"]) == ("refused", code)
            assert refused["message"]
            rejected = await client.next()
            assert rejected["data"]["event"] == "order_replace_rejected"
        await client.place(4, qty="1", side="buy", limit_price="98")
        await client.next()
        await venue.app.submit(SetPhase(0, 0, 0, CLOSED))
        ended = [await client.next() for _ in range(2)]
        # The one that is left is done for the day; the other ended with it.
        assert {(one["data"]["event"], one["data"]["order"]["qty"]) for one in ended} >= {
            ("done_for_day", "4")
        }
    rows = await venue.app.kit.database.pool.fetch(
        "SELECT time_in_force, state FROM orders ORDER BY quantity_units DESC, id"
    )
    assert [tuple(row) for row in rows] == [(DAY, REPLACED), (GTC, OPEN), (DAY, EXPIRED)]
    assert placed["seq"] < done["seq"]


async def test_the_answer_says_what_an_order_traded(ada: Trader, maker: Trader) -> None:
    async with signed_in(ada) as buyer, signed_in(maker) as seller:
        await seller.place(1, qty="6", side="sell", limit_price="100")
        part = await buyer.place(1, qty="10", side="buy", limit_price="100.01")
        market = await seller.place(2, qty="4", side="sell", type="market")
    assert (part["status"], part["filled_qty"], part["filled_value"]) == (
        "partially_filled",
        6,
        60_000,
    )
    assert (market["status"], market["filled_qty"], market["filled_value"]) == ("filled", 4, 40_004)


async def test_a_client_that_sends_many_at_once_gets_an_answer_to_each(ada: Trader) -> None:
    async with signed_in(ada) as client:
        order = {"symbol": "ACME", "type": "limit", "time_in_force": "day", "qty": 1}
        order |= {"side": "buy", "limit_price": 50}
        for ref in range(200):
            await client.send("place", ref=ref, order=order | {"client_order_id": f"n{ref}"})
        answers = [await client.next() for _ in range(200)]
    assert [answer["ref"] for answer in answers] == list(range(200))
    assert {answer["t"] for answer in answers} == {"ack"}
    assert len({answer["id"] for answer in answers}) == 200
    assert len(client.frames) < 150, "answers of one commit come in one frame"


async def test_what_the_owner_chose_holds_here_too(ada: Trader) -> None:
    async with signed_in(ada) as client:
        settings = await ada.do(ada.client.get_account_configurations)
        settings.suspend_trade = True
        await ada.do(ada.client.set_account_configurations, settings)
        refused = await client.place(1, qty="1", side="buy", limit_price="99")
        assert (refused["t"], refused["code"]) == ("refused", "trading_suspended")
        settings.suspend_trade, settings.no_shorting = False, True
        await ada.do(ada.client.set_account_configurations, settings)
        placed = await client.place(2, qty="1", side="buy", limit_price="99")
        assert placed["t"] == "ack"


async def test_a_retry_after_a_lost_answer_is_harmless(venue: Venue, ada: Trader) -> None:
    terms = {"qty": "3", "side": "buy", "limit_price": "90", "client_order_id": "mine"}
    async with signed_in(ada) as client:
        first = await client.place(1, **terms)
    async with signed_in(ada) as client:
        again = await client.place(2, **terms)
        assert again["is_repeat"]
        assert again["id"] == first["id"]
        by_name = await client.ask("cancel", ref=3, client_order_id="mine")
        assert by_name["orders"] == 1
    assert await venue.app.kit.database.pool.fetchval("SELECT count(*) FROM orders") == 1


async def test_a_bracket_is_placed_whole_and_cancelled_whole(ada: Trader) -> None:
    async with signed_in(ada) as client:
        bracket = await client.place(
            1,
            qty="2",
            side="buy",
            limit_price="99",
            order_class="bracket",
            take_profit={"limit_price": "110"},
            stop_loss={"stop_price": "90"},
        )
        assert len(bracket["legs"]) == 2
        await client.place(2, qty="2", side="buy", limit_price="98")
        await client.place(3, symbol="BOLT", qty="2", side="buy", limit_price="40")
        one = await client.ask("cancel_all", ref=4, symbol="BOLT")
        rest = await client.ask("cancel_all", ref=5)
    assert (one["orders"], rest["orders"]) == (1, 4)


async def test_updates_come_numbered_behind_the_answers_and_can_be_resumed(
    ada: Trader, maker: Trader
) -> None:
    async with signed_in(ada) as client, signed_in(maker) as seller:
        begun = await client.ask("listen", ref=1)
        assert begun["t"] == "listening"
        await client.send(
            "place",
            ref=2,
            order={
                "symbol": "ACME",
                "qty": 5,
                "side": "buy",
                "type": "limit",
                "time_in_force": "gtc",
                "limit_price": 100,
            },
        )
        answer, new = await client.next(), await client.next()
        assert answer["t"] == "ack"
        assert (new["stream"], new["data"]["event"]) == ("trade_updates", "new")
        await seller.place(1, qty="5", side="sell", limit_price="100")
        fill = await client.next()
        assert fill["data"]["event"] == "fill"
        assert [new["seq"], fill["seq"]] == [begun["seq"] + 1, begun["seq"] + 2]
    async with signed_in(ada) as client:
        resumed = await client.ask(
            "listen", ref=3, resume={"epoch": begun["epoch"], "seq": new["seq"]}
        )
        assert resumed["start"] == "resumed"
        again = await client.next()
        assert (again["seq"], again["data"]) == (fill["seq"], fill["data"])


async def test_an_access_token_and_a_portfolio_sign_in_too(ada: Trader) -> None:
    token = ada.headers["Authorization"].removeprefix("Bearer ")
    public = str(portfolio_uuid(ada.portfolio_id))
    async with entry_of(ada.url) as client:
        await client.send("auth", token=token, portfolio=public)
        assert (await client.next())["portfolio"] == public
        assert (await client.ask("ping", ref=7)) == {"t": "pong", "ref": 7}


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"qty": "0"}, "quantity_not_positive"),
        ({"qty": "-1"}, "quantity_not_positive"),
        ({"qty": "NaN"}, "number_invalid"),
        ({"qty": "1" * 40}, "quantity_too_large"),
        ({"qty": "1.5"}, "fractional_quantity"),
        ({"qty": "1e30"}, "quantity_too_large"),
        ({"qty": True}, "number_invalid"),
        ({"limit_price": "99.005"}, "price_off_tick"),
        ({"limit_price": "0"}, "price_not_positive"),
        ({"limit_price": "1e40"}, "price_too_large"),
        ({"symbol": "NONE"}, "unknown_instrument"),
        ({"symbol": ""}, "symbol_missing"),
        ({"side": "up"}, "side_invalid"),
        ({"side": 7}, "message_malformed"),
        ({"type": "peg"}, "type_invalid"),
        ({"client_order_id": "x" * 129}, "client_order_id_invalid"),
        ({"qty": "100000"}, "insufficient_funds"),
        ({"side": "sell"}, "short_not_allowed"),
    ],
)
async def test_a_bad_order_is_refused_with_its_code_and_the_next_is_taken(
    ada: Trader, order: dict[str, Any], code: str
) -> None:
    async with signed_in(ada) as client:
        terms = {"qty": "1", "side": "buy", "limit_price": "99"}
        refused = await client.place(41, **(terms | order))
        assert (refused["t"], refused["code"]) == ("refused", code)
        assert refused["message"]
        assert (await client.place(42, **terms))["t"] == "ack"


@pytest.mark.parametrize(
    ("frame", "ref"),
    [
        ("no json", 0),
        ("[]", 0),
        ("{}", 0),
        ('{"t":"place","ref":5}', 5),
        ('{"t":"place","ref":-1,"order":{}}', 0),
        ('{"t":"sell everything","ref":9}', 9),
        ('{"t":"cancel","ref":1.5}', 0),
        ('{"t":"cancel","ref":3,"id":"no id"}', 3),
        ('{"t":"cancel","ref":3,"id":"43757262-0001-8000-8000-0000000fffff"}', 3),
        ('{"t":"replace","ref":3,"id":"43757262-0001-8000-8000-0000000fffff","change":{}}', 3),
        ("[" * 5_000, 0),
        ('{"t":"\ud83d"}'.encode("utf-8", "surrogatepass"), 0),
    ],
)
async def test_a_message_that_is_none_is_refused_and_the_connection_goes_on(
    ada: Trader, frame: str | bytes, ref: int
) -> None:
    async with signed_in(ada) as client:
        await client.socket.send(frame)
        refused = await client.next()
        assert refused["t"] == "refused"
        assert refused.get("ref", 0) == ref
        assert (await client.ask("ping", ref=1))["t"] == "pong"


async def test_others_orders_cannot_be_touched(ada: Trader, maker: Trader) -> None:
    async with signed_in(maker) as owner, signed_in(ada) as client:
        placed = await owner.place(1, qty="1", side="buy", limit_price="90")
        cancel = await client.ask("cancel", ref=1, id=placed["id"])
        change = await client.ask("replace", ref=2, id=placed["id"], change={"qty": "9"})
        assert {cancel["code"], change["code"]} == {"order_not_found"}
        assert (await client.ask("cancel_all", ref=3)).get("orders", 0) == 0
        assert (await owner.ask("cancel", ref=2, id=placed["id"]))["orders"] == 1


async def test_who_does_not_sign_in_first_is_shown_out(venue: Venue, ada: Trader) -> None:
    async with entry_of(venue.url) as client:
        await client.send("place", ref=1, order={})
        assert await client.ending() == (4401, "auth_required")
    async with entry_of(venue.url) as client:
        await client.send("auth", key=ada.key, secret="wrong")
        assert await client.ending() == (4401, "auth_failed")
    async with entry_of(venue.url) as client:
        await client.send("auth")
        assert await client.ending() == (4401, "auth_failed")


async def test_a_frame_that_is_too_large_ends_the_connection(ada: Trader) -> None:
    async with signed_in(ada) as client:
        await client.socket.send("x" * 20_000)
        assert await client.ending() == (1009, "too_large")


async def test_a_reader_that_does_not_read_is_dropped_and_others_are_served(
    venue: Venue, ada: Trader, maker: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.order_entry.connection.QUEUED_BYTES_MAX", 20_000)
    async with signed_in(maker) as other:
        async with entry_of(venue.url, max_queue=1) as slow:
            await slow.send("auth", key=ada.key, secret=ada.secret)
            await flood(slow, 200_000)
            await asyncio.wait_for(slow.socket.wait_closed(), 60)
            assert slow.socket.close_code != 1000
        assert (await other.ask("ping", ref=1))["t"] == "pong"


async def test_what_comes_behind_a_message_that_takes_waiting_for_waits_too(
    ada: Trader, maker: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow, is_following, may_follow = TradeUpdates.follow, asyncio.Event(), asyncio.Event()

    async def slowly(updates: TradeUpdates, portfolio_id: int) -> None:
        is_following.set()
        await may_follow.wait()
        await follow(updates, portfolio_id)

    monkeypatch.setattr(TradeUpdates, "follow", slowly)
    order = {"symbol": "ACME", "qty": "1", "side": "buy", "type": "limit", "limit_price": "90"}
    async with signed_in(ada) as client, signed_in(maker) as other:
        await client.send("listen", ref=1)
        await asyncio.wait_for(is_following.wait(), 20)
        await client.send("ping", ref=2)
        await client.send("place", ref=3, order={**order, "time_in_force": "day"})
        # By the time others have been answered, these have been read.
        assert (await other.place(1, qty="1", side="sell", limit_price="110"))["t"] == "ack"
        may_follow.set()
        assert [(await client.next())["t"] for _ in range(2)] == ["listening", "pong"]
        assert {(await client.next())["t"] for _ in range(2)} == {"ack", "update"}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is kept twenty times a second: a heartbeat and a check of the key each time."""
    monkeypatch.setattr("cloud.exchange.order_entry.routes.TICK_S", 0.05)
    monkeypatch.setattr("cloud.exchange.order_entry.connection.HEARTBEAT_S", 0)
    monkeypatch.setattr("cloud.exchange.order_entry.connection.SILENT_S", 60)
    monkeypatch.setattr("cloud.exchange.order_entry.connection.RECHECK_S", 0)


def mistaken_for(trader: Trader, whole: Callable[..., Any]) -> Callable[..., Any]:
    """The method, of or about connections, but a mistake for those of this trader."""

    def method(*arguments: Any) -> Any:
        if any(getattr(one, "portfolio_id", 0) == trader.portfolio_id for one in arguments):
            raise ZeroDivisionError
        return whole(*arguments)

    return method


@pytest.mark.parametrize(
    "mistakes",
    [
        [(Connection, "tick")],
        [(Connection, "recheck")],
        [(Connection, "tick"), (TradeUpdates, "leave")],
    ],
)
@pytest.mark.usefixtures("hurried")
async def test_a_mistake_with_one_client_ends_its_connection_and_no_other(
    ada: Trader,
    maker: Trader,
    mistakes: list[tuple[type, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = RESTARTED.labels("order-entry")._value.get
    async with signed_in(maker) as other, signed_in(ada) as client:
        await client.ask("listen", ref=1)
        before = counted()
        for owner, name in mistakes:
            monkeypatch.setattr(owner, name, mistaken_for(ada, getattr(owner, name)))
        assert await client.ending() == (1013, "unavailable")
        assert counted() == before + len(mistakes)
        assert (await other.ask("ping", ref=1))["t"] == "pong"
        # The beats that came until then may lie before the answer; these cannot.
        assert [await other.next() for _ in range(3)] == [{"t": "pong", "ref": 0}] * 3
    monkeypatch.undo()
    async with signed_in(ada) as client:
        assert (await client.ask("ping", ref=1))["t"] == "pong"


@pytest.mark.parametrize("outage", [OSError("away"), asyncpg.CannotConnectNowError("starting")])
@pytest.mark.usefixtures("hurried")
async def test_nobody_is_cut_off_while_the_database_is_away(
    ada: Trader, outage: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = RESTARTED.labels("order-entry")._value.get
    checked = asyncio.Event()

    async def away(*_: object) -> int:
        checked.set()
        raise outage

    async with signed_in(ada) as client:
        before = counted()
        monkeypatch.setattr(AccessGate, "portfolio_of", away)
        await asyncio.wait_for(checked.wait(), 20)
        assert (await client.place(1, qty="1", side="buy", limit_price="90"))["t"] == "ack"
        assert counted() == before


async def flood(client: EntryClient, count: int) -> None:
    """Ask for more than the client's own network will hold, and read nothing."""
    client.socket.transport.pause_reading()
    try:
        for ref in range(count):
            await client.send("ping", ref=ref)
            if client.socket.state.name != "OPEN":
                break
    except (OSError, ConnectionError):
        pass
    finally:
        client.socket.transport.resume_reading()
