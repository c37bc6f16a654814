"""A feed without a cloud: an engine's events in, a client's decoded messages out."""

import asyncio
from typing import Any

import msgpack
import msgspec

from cloud.exchange.market_data.connection import DataConnection
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.messages import Codec
from cloud.kit.errors import UnauthenticatedError
from trading.engine import Engine
from trading.market_data import MarketData

KEY, SECRET = "CKGOOD", "secret"


class KnownCallers:
    """One good key, one good token."""

    def __init__(self) -> None:
        self.is_revoked = False

    async def by_key(self, key: str, secret: str, address: str) -> None:
        if self.is_revoked or (key, secret) != (KEY, SECRET):
            raise UnauthenticatedError("No.")

    async def by_token(self, token: str) -> None:
        if token != "token":
            raise UnauthenticatedError("No.")


def make_feed(**more: Any) -> Feed:
    """A feed that has begun, of nothing yet."""
    epochs = iter(f"epoch{number}" for number in range(1_000))
    feed = Feed("curb", new_epoch=lambda: next(epochs), day_offset_ns=lambda _: 0, **more)
    feed.begin(MarketData(), 0)
    return feed


class Client:
    """The far end of a connection: sends requests, takes what came."""

    def __init__(self, feed: Feed, codec: Codec = Codec.JSON, callers: Any = None) -> None:
        self.codec = codec
        self.connection = DataConnection(
            feed, callers or KnownCallers(), codec, address="here", now_s=0.0
        )

    async def log_in(self) -> "Client":
        await self.send({"action": "auth", "key": KEY, "secret": SECRET})
        assert [one["msg"] for one in await self.take()] == ["connected", "authenticated"]
        return self

    async def send(self, request: Any) -> None:
        frame = (
            msgspec.json.encode(request).decode()
            if self.codec is Codec.JSON
            else msgpack.packb(request)
        )
        await self.connection.receive(frame, self.connection._heard_s + 1)

    async def take(self) -> list[dict[str, Any]]:
        """Every message that waits, decoded by a library that is not ours."""
        found: list[dict[str, Any]] = []
        for frame in await self.frames():
            found += frame
        return found

    async def frames(self) -> list[list[dict[str, Any]]]:
        """Every frame that waits."""
        found = []
        while len(self.connection._queue):
            frame = await self.connection.next_frame()
            if isinstance(frame, bytes):
                found.append(msgpack.unpackb(frame))
            else:
                found.append(msgspec.json.decode(frame))
        return found


def run(main: Any) -> None:
    """One test's coroutine in a loop of its own."""
    asyncio.run(main)


def depth_of(engine: Engine, number: int, price: Any) -> tuple[list[Any], list[Any]]:
    """The engine's levels as a client's book has them."""
    bids, asks = engine.depth(number)
    return (
        [(price(one.price_ticks), one.visible_units) for one in bids],
        [(price(one.price_ticks), one.visible_units) for one in asks],
    )
