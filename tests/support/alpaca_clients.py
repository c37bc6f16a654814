"""alpaca-py, unmodified, pointed at a venue of ours: clients and streams of one API key."""

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

with warnings.catch_warnings():
    # alpaca-py still uses the older interface of websockets; its business, not ours.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.data.enums import DataFeed
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.live import StockDataStream
    from alpaca.trading.client import TradingClient
    from alpaca.trading.stream import TradingStream

__all__ = [
    "DataFeed",
    "Heard",
    "Key",
    "StockDataStream",
    "StockHistoricalDataClient",
    "TradingClient",
    "TradingStream",
    "data_of",
    "market_stream",
    "running",
    "trading_of",
    "updates_of",
    "wait_until",
]

WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and the venue it opens, http://host:port."""

    base_url: str
    key_id: str
    secret: str


def trading_of(key: Key, *, raw_data: bool = False) -> TradingClient:
    """Orders, positions, account."""
    return TradingClient(key.key_id, key.secret, raw_data=raw_data, url_override=key.base_url)


def data_of(key: Key) -> StockHistoricalDataClient:
    """Bars, trades, quotes, snapshots."""
    return StockHistoricalDataClient(key.key_id, key.secret, url_override=key.base_url)


def updates_of(key: Key, *, raw_data: bool = False) -> TradingStream:
    """The order updates."""
    url = key.base_url.replace("http", "ws", 1) + "/stream"
    return TradingStream(key.key_id, key.secret, raw_data=raw_data, url_override=url)


def market_stream(key: Key, feed: str = "iex") -> StockDataStream:
    """Live market data."""
    url = key.base_url.replace("http", "ws", 1) + f"/v2/{feed}"
    return StockDataStream(key.key_id, key.secret, url_override=url)


class Heard(list):
    """What a stream told, in order; its handler is `hear`."""

    async def hear(self, told: object) -> None:
        self.append(told)


@contextlib.contextmanager
def running(*streams: TradingStream | StockDataStream) -> Iterator[None]:
    """Run streams, each in a thread with a loop of its own, as their users do."""
    threads = [threading.Thread(target=stream.run, daemon=True) for stream in streams]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(stream._running for stream in streams), "the streams connect")
        yield
    finally:
        for stream in streams:
            stream.stop()
        for thread in threads:
            thread.join(WITHIN_S)


def wait_until(is_so: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Wait until something is so, at most so long."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"In {within_s:.0f} s it did not come true: {what}."
        time.sleep(0.02)
