"""`/stream` over a real network: who may listen, what comes, resuming, and readers that do not."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from cloud.exchange.alpaca.access import TraderAccess
from cloud.exchange.restarting import RESTARTED
from cloud.exchange.updates import connection as connection_module
from cloud.exchange.updates import feed as feed_module
from cloud.exchange.updates import routes as routes_module
from cloud.exchange.updates.connection import Connection
from cloud.exchange.updates.messages import Stream
from cloud.exchange.updates.service import TradeUpdates
from tests.cloud.exchange.updates.conftest import stream_of
from tests.support.exchange import wish_of
from tests.support.listeners import broken, owner
from tests.support.trading_clients import Trader, Venue
from trading.commands import CancelOrder, PlaceOrder
from trading.orders import BUY, GTC, LIMIT, SELL
from trading.terms import NewOrder

URL = "/api/v1/portfolios"


async def _place(venue: Venue, trader: Trader, count: int, price: int = 900_000) -> list[int]:
    """So many resting orders; their engine ids."""
    receipts = [await venue.app.limit(trader.portfolio_id, BUY, 1, price) for _ in range(count)]
    return [receipt.order_ids[0] for receipt in receipts]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": "authenticate", "data": {"key_id": "CK", "secret_key": "no"}}, 4402),
        ({"action": "auth", "key": "CK", "secret": "no"}, 4402),
        ({"action": "authenticate", "data": {"oauth_token": "no"}}, 4402),
        ({"action": "authenticate"}, 4402),
        ({"action": "listen", "data": {"streams": ["trade_updates"]}}, 4402),
        ({"action": 7}, 4400),
        ({"data": {}}, 4400),
        ({"action": "listen", "data": {"resume": {"trade_updates": 5}}}, 4400),
        ("no json", 4400),
        ("x" * 10_000, 4413),
    ],
)
async def test_who_shows_no_good_key_is_told_and_closed(venue: Venue, message, code):
    async with stream_of(venue.url) as client:
        if isinstance(message, str):
            await client.socket.send(message)
        else:
            await client.send(**message)
        last = await client.next()
        if code == 4402:
            assert last["stream"] == "authorization"
            assert last["data"]["status"] == "unauthorized"
        else:
            assert last["stream"] == "goodbye"
        assert (await client.ending())[0] == code


async def test_both_forms_of_a_key_and_an_access_token_are_good(venue: Venue, ada: Trader):
    token = ada.headers["Authorization"].removeprefix("Bearer ")
    (portfolio,) = (await venue.app.client.get(URL, headers=ada.headers)).json()
    for message in (
        {"action": "auth", "key": ada.key, "secret": ada.secret},
        {"action": "authenticate", "data": {"key_id": ada.key, "secret_key": ada.secret}},
        {"action": "authenticate", "data": {"oauth_token": token}},
        {"action": "authenticate", "data": {"oauth_token": token, "portfolio": portfolio["id"]}},
    ):
        async with stream_of(venue.url) as client:
            await client.send(**message)
            assert (await client.next())["data"]["status"] == "authorized"


async def test_a_traders_own_orders_come_and_nobody_elses(venue: Venue, ada: Trader, maker: Trader):
    async with stream_of(venue.url) as mine, stream_of(venue.url) as theirs:
        for client, trader in ((mine, ada), (theirs, maker)):
            await client.authenticate(trader)
            heard = await client.listen("trade_updates", "unknown")
            assert heard["data"]["streams"] == ["trade_updates"]
            assert heard["data"]["places"]["trade_updates"]["start"] == "live"
        await venue.app.limit(maker.portfolio_id, SELL, 7, 1_000_000)
        await venue.app.limit(ada.portfolio_id, BUY, 10, 1_000_000)
        told = await mine.many(2)
        assert [t["data"]["event"] for t in told] == ["new", "partial_fill"]
        assert [t["seq"] for t in told] == [1, 2]
        fill = told[1]["data"]
        assert (fill["price"], fill["qty"], fill["position_qty"]) == ("100.00", "7", "7")
        assert fill["order"]["filled_qty"] == "7"
        assert fill["order"]["status"] == "partially_filled"
        other = await theirs.many(2)
        assert [t["data"]["event"] for t in other] == ["new", "fill"]
        assert other[1]["data"]["position_qty"] == "9993"
        assert other[1]["data"]["execution_id"] == fill["execution_id"]


async def test_a_reader_that_comes_back_gets_exactly_what_it_missed(venue: Venue, ada: Trader):
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        await client.listen("trade_updates")
        first = await _place(venue, ada, 3)
        place = (await client.many(2))[-1]["seq"]
        await client.listen("trade_updates")  # again, for the epoch
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        epoch = (await client.listen("trade_updates"))["data"]["places"]["trade_updates"]["epoch"]
    await venue.app.submit(CancelOrder(0, 0, first[0], ada.portfolio_id))
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        heard = await client.listen(
            "trade_updates", resume={"trade_updates": {"epoch": epoch, "seq": place}}
        )
        assert heard["data"]["places"]["trade_updates"] == {
            "epoch": epoch,
            "seq": 4,
            "start": "resumed",
        }
        await _place(venue, ada, 1)
        told = await client.many(3)
        assert [t["seq"] for t in told] == [3, 4, 5]
        assert [t["data"]["event"] for t in told] == ["new", "canceled", "new"]


@pytest.mark.parametrize(("name", "what"), [("trade-updates", "_tell"), ("portfolios", "_apply")])
async def test_a_mistake_sends_readers_back_to_a_snapshot_and_trade_goes_on(
    venue: Venue, ada: Trader, name, what
):
    before = RESTARTED.labels(name)._value.get()
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        heard = await client.listen("trade_updates", "portfolio")
        await _place(venue, ada, 1)
        assert (await client.next("trade_updates"))["data"]["event"] == "new"
        with broken(venue.app.sequencer, name, what):
            await _place(venue, ada, 1)
        code, reason = await client.drained()
    assert (code, RESTARTED.labels(name)._value.get()) == (4503, before + 1)
    assert "reconnect" in reason
    await _place(venue, ada, 1)
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        place = heard["data"]["places"]["trade_updates"]
        begun = await client.listen(
            "trade_updates", resume={"trade_updates": {"epoch": place["epoch"], "seq": 1}}
        )
        assert begun["data"]["places"]["trade_updates"]["start"] == "snapshot"
        snapshot = await client.next("snapshot")
        assert len(snapshot["data"]["orders"]) == 3
        assert snapshot["data"]["portfolio"]["held_cash_minor"] == 3 * 90_01
        await _place(venue, ada, 1)
        assert (await client.next("trade_updates"))["data"]["event"] == "new"


@pytest.mark.parametrize("seq", [0, 2, 99])
async def test_a_place_that_is_not_known_leads_to_a_snapshot(
    venue: Venue, ada: Trader, seq, monkeypatch
):
    monkeypatch.setattr(feed_module, "KEPT_FRAMES_MAX", 1)
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        epoch = (await client.listen("trade_updates"))["data"]["places"]["trade_updates"]["epoch"]
        await _place(venue, ada, 3)
        await client.many(3)
        for wrong in (epoch, "of-another-run"):
            if (wrong, seq) == (epoch, 2):
                continue  # that one is kept
            place = {"epoch": wrong, "seq": seq}
            heard = await client.listen("trade_updates", resume={"trade_updates": place})
            assert heard["data"]["places"]["trade_updates"]["start"] == "snapshot"
            snapshot = await client.next("snapshot")
            assert (snapshot["of"], snapshot["seq"]) == ("trade_updates", 3)
            assert [o["status"] for o in snapshot["data"]["orders"]] == ["new"] * 3
            assert snapshot["data"]["portfolio"]["held_cash_minor"] == 3 * 90_01  # with its fee
        await _place(venue, ada, 1)
        assert (await client.next())["seq"] == 4


async def test_the_worth_of_a_portfolio_is_told_as_it_changes(
    venue: Venue, ada: Trader, maker: Trader
):
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        heard = await client.listen("portfolio", "trade_updates")
        assert heard["data"]["places"]["portfolio"]["start"] == "snapshot"
        snapshot = await client.next("snapshot")
        assert snapshot["data"]["equity_minor"] == 100_000_00
        await venue.app.limit(maker.portfolio_id, SELL, 10, 1_000_000)
        await venue.app.limit(ada.portfolio_id, BUY, 10, 1_000_000)
        worth = await client.next("portfolio")
        while not worth["data"]["positions"]:
            worth = await client.next("portfolio")
        (position,) = worth["data"]["positions"]
        assert (position["units"], position["cost_minor"]) == (10, 1_000_00)
        # A price that others made moves it too.
        await venue.app.limit(maker.portfolio_id, SELL, 1, 1_050_000)
        other = await venue.trader("eve@example.org")
        await venue.app.limit(other.portfolio_id, BUY, 1, 1_050_000)
        while worth["data"]["unrealised_minor"] != 50_00:
            worth = await client.next("portfolio")
        shown = (
            await venue.app.client.get(
                f"{URL}/{worth['data']['portfolio_id']}/valuation", headers=ada.headers
            )
        ).json()
        assert shown == worth["data"]


def _updates(venue: Venue) -> TradeUpdates:
    """The one that hears this application's sequencer."""
    found: TradeUpdates = owner(venue.app.sequencer, "trade-updates")
    return found


async def test_a_reader_that_does_not_read_is_dropped_and_others_go_on(
    venue: Venue, ada: Trader, monkeypatch
):
    monkeypatch.setattr(connection_module, "QUEUED_FRAMES_MAX", 600)
    wish = wish_of(PlaceOrder(0, 0, NewOrder(ada.portfolio_id, 1, BUY, LIMIT, GTC, 1, 100)))
    async with (
        stream_of(venue.url, max_queue=1, compression=None) as slow,
        stream_of(venue.url, compression=None) as quick,
    ):
        for client in (slow, quick):
            await client.authenticate(ada)
            await client.listen("trade_updates")
        feed = _updates(venue)._feeds[ada.portfolio_id][Stream.TRADE_UPDATES]
        assert len(feed.readers) == 2
        told = 0
        # What nobody reads fills the kernel's buffers, then the connection's queue.
        while len(feed.readers) == 2:
            assert told < 50_000
            await asyncio.gather(*(venue.app.sequencer.offer(wish) for _ in range(500)))
            frames = await quick.many(500)
            assert [frame["seq"] for frame in frames] == list(range(told + 1, told + 501))
            told += 500
        await venue.app.sequencer.submit(wish)
        assert (await quick.next())["seq"] == told + 1
        code, reason = await slow.drained()
        assert code == 4509
        assert "messages behind" in reason


async def test_a_client_that_talks_too_much_is_closed(venue: Venue, ada: Trader):
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        for _ in range(60):
            await client.send(action="ping")
        assert (await client.ending())[0] == 4429


async def test_what_is_not_known_is_answered_and_a_ping_too(venue: Venue, ada: Trader):
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        await client.send(action="dance")
        refused = await client.next("error")
        assert refused["data"]["code"] == 400
        await client.send(action="ping")
        assert (await client.next())["stream"] == "pong"


async def test_a_revoked_key_ends_its_connections(venue: Venue, ada: Trader, clock, monkeypatch):
    monkeypatch.setattr(connection_module, "RECHECK_S", 0.5)
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        answer = await venue.app.client.delete(f"/api/v1/api-keys/{ada.key}", headers=ada.headers)
        assert answer.is_success
        clock.advance(timedelta(seconds=5))
        last = await client.next("goodbye")
        assert last["data"]["code"] == "revoked"
        assert (await client.ending())[0] == 4403


async def test_a_heartbeat_says_how_far_the_streams_are(venue: Venue, ada: Trader, monkeypatch):
    monkeypatch.setattr(connection_module, "HEARTBEAT_S", 1.0)
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        await client.listen("trade_updates")
        await _place(venue, ada, 2)
        beat = await client.next("heartbeat")
        while beat["data"]["seq"] != {"trade_updates": 2}:
            beat = await client.next("heartbeat")


async def test_nobody_who_says_nothing_stays(venue: Venue, monkeypatch):
    monkeypatch.setattr(connection_module, "AUTH_WITHIN_S", 0.5)
    async with stream_of(venue.url) as client:
        assert (await client.next("goodbye"))["data"]["code"] == "auth_timeout"
        assert (await client.ending())[0] == 4408


@pytest.fixture
def hurried(monkeypatch):
    """Time is kept twenty times a second, and every key is checked each time."""
    monkeypatch.setattr(routes_module, "TICK_S", 0.05)
    monkeypatch.setattr(connection_module, "RECHECK_S", 0.0)


@pytest.mark.usefixtures("hurried")
async def test_a_mistake_with_one_client_ends_its_connection_and_no_other(
    venue: Venue, ada: Trader, maker: Trader, monkeypatch
):
    counted, tick = RESTARTED.labels("trade-updates-connections")._value.get, Connection.tick

    def mistaken(connection, now_s):
        if connection.portfolio_id == ada.portfolio_id:
            raise ZeroDivisionError
        return tick(connection, now_s)

    async with stream_of(venue.url) as client, stream_of(venue.url) as other:
        await client.authenticate(ada)
        await other.authenticate(maker)
        before = counted()
        monkeypatch.setattr(Connection, "tick", mistaken)
        assert (await client.drained())[0] == 4503
        assert counted() == before + 1
        await other.listen("trade_updates")
        await venue.app.limit(maker.portfolio_id, SELL, 7, 1_000_000)
        assert (await other.next("trade_updates"))["data"]["event"] == "new"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("outage", [OSError("away"), asyncpg.CannotConnectNowError("starting")])
async def test_nobody_is_cut_off_while_the_database_is_away(
    venue: Venue, ada: Trader, monkeypatch, outage
):
    checked = asyncio.Event()

    async def away(*_):
        checked.set()
        raise outage

    counted = RESTARTED.labels("trade-updates-connections")._value.get
    async with stream_of(venue.url) as client:
        await client.authenticate(ada)
        before = counted()
        monkeypatch.setattr(TraderAccess, "by_key", away)
        await asyncio.wait_for(checked.wait(), 20)
        await client.listen("trade_updates")
        assert counted() == before
