"""What a client may say when, what it is told, and what becomes of one that does not read."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from cloud.exchange.market_data import connection as connection_module
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.messages import Codec
from cloud.exchange.market_data.stream_routes import DataConnections
from protocols.market_book import LevelBook, subscribe_request
from tests.cloud.exchange.market_data.feed_rig import KEY, SECRET, Client, KnownCallers, make_feed
from tests.trading.venue_rig import Rig
from trading.commands import SetBands, SetPhase
from trading.instruments import CLOSING_CALL, CONTINUOUS, HALTED, VOLATILITY_CALL
from trading.market_data import MarketData


class Venue:
    """A rig whose events reach a feed."""

    def __init__(self, **rig: Any) -> None:
        self.rig, self.feed, self._seen = Rig(**rig), make_feed(), 0
        self.tell()

    def tell(self) -> Feed:
        self.feed.take(self.rig.events[self._seen :], self.rig.at_ns)
        self._seen = len(self.rig.events)
        self.feed.deliver()
        return self.feed


async def codes(client: Client, *requests: Any) -> list[Any]:
    """The answer to each request: an error's code, or the type."""
    found = []
    for request in requests:
        await client.send(request)
        answers = await client.take()
        found += [one.get("code", one.get("msg", one["T"])) for one in answers]
    return found


async def test_each_misuse_has_the_code_that_alpaca_documents() -> None:
    client = Client(make_feed())
    assert await codes(client, {"action": "subscribe", "trades": ["S1"]}) == ["connected", 401]
    assert await codes(client, "auth", [], {"action": "dance"}, 3, None) == [400] * 5
    auth = {"action": "auth", "key": KEY, "secret": SECRET}
    assert await codes(client, auth, auth) == ["authenticated", 403]
    assert await codes(
        client,
        {"action": "subscribe", "trades": "S1"},
        {"action": "subscribe", "trades": ["lower"]},
        {"action": "subscribe", "trades": [1]},
        {"action": "subscribe", "weather": ["S1"]},
        {"action": "subscribe", "quotes": [f"S{number}" for number in range(3_000)]},
        {"action": "subscribe", "trades": ["S1"], "resume": {"trades": {"S1": "nonsense"}}},
    ) == [400, 400, 400, 410, 405, "subscription"]


@pytest.mark.parametrize(
    "auth", [{"key": KEY, "secret": "wrong"}, {"key": "", "secret": ""}, {"token": "wrong"}, {}]
)
async def test_wrong_credentials_end_the_connection(auth: dict[str, str]) -> None:
    client = Client(make_feed())
    await client.send({"action": "auth", **auth})
    assert client.connection.closed.result().code == 402


@pytest.mark.parametrize("auth", [{"token": "token"}, {"key": "oauth", "secret": "token"}])
async def test_access_token_is_as_good_as_a_key(auth: dict[str, str]) -> None:
    client = Client(make_feed())
    await client.send({"action": "auth", **auth})
    assert client.connection.is_known


async def test_silence_instead_of_credentials_ends_the_connection() -> None:
    client = Client(make_feed())
    assert not client.connection.tick(9.0)
    client.connection.tick(11.0)
    assert client.connection.closed.result().code == 404


async def test_revoked_key_is_cut() -> None:
    callers = KnownCallers()
    client = await Client(make_feed(), callers=callers).log_in()
    assert client.connection.tick(100.0)
    await client.connection.check_again(100.0)
    assert not client.connection.closed.done()
    callers.is_revoked = True
    await client.connection.check_again(200.0)
    assert client.connection.closed.result().close_code == 4403


async def test_slow_client_is_dropped_with_a_reason_and_others_miss_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "QUEUED_BATCHES_MAX", 20)
    venue = Venue()
    slow, quick = await Client(venue.feed).log_in(), await Client(venue.feed).log_in()
    for client in (slow, quick):
        await client.send({"action": "subscribe", "orderbooks": ["S1"]})
    heard = []
    for _ in range(100):
        venue.rig.buy(1, 1, 50)
        venue.tell()
        heard += [one["seq"] for one in await quick.take() if one["T"] == "o"]
    ended = slow.connection.closed.result()
    assert (ended.code, ended.close_code) == (407, 4509)
    assert "slow client" in ended.message
    assert heard[-1] - heard[0] == len(heard) - 1 == 100
    assert slow.connection not in venue.feed.streams.stream("orderbooks", "S1").listeners


async def test_what_waits_goes_out_in_one_frame_and_every_message_is_encoded_once() -> None:
    venue = Venue()
    clients = [await Client(venue.feed, Codec.MSGPACK).log_in() for _ in range(3)]
    for client in clients:
        await client.send({"action": "subscribe", "trades": ["S1"], "quotes": ["*"]})
        await client.take()
    for _ in range(20):
        venue.rig.sell(1, 1, 100)
        venue.rig.buy(2, 1, 100)
        venue.tell()
    frames = [await client.frames() for client in clients]
    assert all(len(found) == 1 for found in frames)
    assert frames[0] == frames[1] == frames[2]
    trades = [one for one in frames[0][0] if one["T"] == "t"]
    assert [one["seq"] for one in trades] == list(range(1, 21))
    assert {one["t"].seconds for one in trades} == {1}
    tail = venue.feed.streams.stream("trades", "S1").tail
    assert all(one.encoded(Codec.MSGPACK) is one.encoded(Codec.MSGPACK) for one in tail)


async def test_phases_bands_and_auctions_are_told_as_statuses() -> None:
    venue = Venue()
    client = await Client(venue.feed).log_in()
    await client.send({"action": "subscribe", "statuses": ["S1"], "lulds": ["*"]})
    await client.take()
    venue.rig.do(SetPhase, 1, HALTED)
    venue.rig.do(SetPhase, 1, VOLATILITY_CALL)
    venue.rig.buy(1, 5, 101)
    venue.rig.sell(2, 5, 101)
    venue.rig.do(SetPhase, 1, CONTINUOUS)
    venue.rig.do(SetBands, 1, 90, 110)
    venue.rig.do(SetPhase, 1, CLOSING_CALL)
    venue.tell()
    told = await client.take()
    statuses = [(one["sc"], one["phase"]) for one in told if one["T"] == "s"]
    assert statuses == [
        ("H", "halted"),
        ("P", "volatility_call"),
        ("P", "volatility_call"),
        ("T", "continuous"),
        ("Q", "closing_call"),
    ]
    auction = [one["auction"] for one in told if "auction" in one]
    assert auction == [{"p": 1.01, "s": 5}]
    assert [(one["u"], one["d"]) for one in told if one["T"] == "l"] == [(1.1, 0.9)]


async def test_a_place_that_is_not_at_hand_leads_to_a_reset_that_says_where_it_goes_on() -> None:
    venue = Venue()
    client = await Client(venue.feed).log_in()
    resume = {"trades": {"S1": ["another epoch", 77]}}
    await client.send({"action": "subscribe", "trades": ["S1"], "resume": resume})
    told = [one for one in await client.take() if one["T"] == "reset"]
    assert told == [
        {
            "T": "reset",
            "channel": "trades",
            "S": "S1",
            "seq": 0,
            "epoch": venue.feed.streams.epoch,
        }
    ]


async def test_unsubscribing_ends_what_is_heard() -> None:
    venue = Venue()
    client = await Client(venue.feed).log_in()
    await client.send({"action": "subscribe", "quotes": ["S1"], "trades": ["S1"]})
    await client.send({"action": "unsubscribe", "quotes": ["S1"]})
    assert (await client.take())[-1]["quotes"] == []
    venue.rig.sell(1, 1, 100)
    venue.rig.buy(2, 1, 100)
    venue.tell()
    assert [one["T"] for one in await client.take()] == ["t"]


async def test_stream_that_begins_anew_sends_everybody_back() -> None:
    feed = make_feed()
    connections = DataConnections(feed, KnownCallers())
    client = await Client(feed).log_in()
    connections._connections.add(client.connection)
    feed.begin(MarketData(), 5)
    assert client.connection.closed.result().close_code == 4503


async def test_book_of_a_symbol_that_is_listed_later_begins_empty() -> None:
    venue = Venue()
    book = LevelBook("S2")
    client = await Client(venue.feed).log_in()
    await client.send(subscribe_request(book))
    venue.rig.list_instrument(2)
    venue.rig.do(SetPhase, 2, CONTINUOUS)
    venue.rig.buy(1, 5, 90, instrument=2)
    venue.tell()
    for message in await client.take():
        if book.is_for(message):
            book.apply(message)
    assert book.bids() == [(Decimal("0.9"), 5)]


async def test_snapshot_is_made_once_until_the_book_changes() -> None:
    venue = Venue()
    venue.rig.buy(1, 5, 90)
    feed = venue.tell()
    first = feed.snapshot("orderbooks", "S1")
    assert feed.snapshot("orderbooks", "S1") is first
    venue.rig.buy(1, 5, 91)
    venue.tell()
    second = feed.snapshot("orderbooks", "S1")
    assert (second.seq, second.body["b"][0]["p"]) == (first.seq + 1, 0.91)


async def test_streams_of_symbols_that_do_not_exist_are_forgotten() -> None:
    feed = make_feed()
    client = await Client(feed).log_in()
    await client.send({"action": "subscribe", "trades": [f"NO{number}" for number in range(99)]})
    assert len(feed.streams._streams) == 99
    client.connection.leave_all()
    assert not feed.streams._streams


async def test_next_frame_waits_for_news() -> None:
    client = await Client(make_feed()).log_in()
    waiting = asyncio.ensure_future(client.connection.next_frame())
    await asyncio.sleep(0)
    assert not waiting.done()
    client.connection.refuse(400, "invalid syntax")
    assert "400" in str(await waiting)
