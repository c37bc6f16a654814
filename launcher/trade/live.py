"""The live ladder: streams in, keys in, orders out, a picture ten times a second."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from launcher.errors import LauncherError
from launcher.trade.access import Access
from launcher.trade.broker import Broker, RefusedError
from launcher.trade.draw import lines, picture, price_text, trade_line
from launcher.trade.keys import pressed_keys
from launcher.trade.ladder import CancelOrders, Ladder, Leave, Order, OwnOrder, Print
from launcher.trade.orders import Wanted, order_body
from launcher.trade.streams import MarketFeed, Message, hear_own_orders

_REDRAW_S = 0.1
_LOOK_AGAIN_S = 0.3
"""Own orders are read again this long after the first news of them: a burst is one look."""
_LEVELS = 20
_ENDED = ("filled", "canceled", "expired", "rejected")


@dataclass(slots=True)
class _Desk:
    """The ladder and what keeps it true."""

    ladder: Ladder
    broker: Broker
    has_news: asyncio.Event = field(default_factory=asyncio.Event)
    printed: Callable[[Print], None] = lambda _: None

    def hear(self, message: Message) -> None:
        """Market data, after the book took it in."""
        if message["T"] == "t":
            trade = print_of(message)
            self.ladder.trades.appendleft(trade)
            self.printed(trade)
        elif message["T"] == "s":
            self.ladder.phase = str(message.get("sm", ""))

    async def keep_books(self) -> None:
        """Read own orders and the position again whenever there is news of them."""
        while True:
            await self.has_news.wait()
            self.has_news.clear()
            await self.look()
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def look(self) -> None:
        """Own orders, position and cash as the venue has them."""
        symbol = self.ladder.symbol
        query: dict[str, str | int] = {"status": "open", "symbols": symbol, "limit": 500}
        orders = await asyncio.to_thread(self.broker.ask, "GET", "/v2/orders", None, **query)
        positions = await asyncio.to_thread(self.broker.ask, "GET", "/v2/positions")
        account = await asyncio.to_thread(self.broker.ask, "GET", "/v2/account")
        own = [_own_order(order) for order in orders]
        self.ladder.orders = {order.id: order for order in own}
        held = next((each for each in positions if each["symbol"] == symbol), None)
        self.ladder.position = int(Decimal(held["qty"])) if held else 0
        self.ladder.average = Decimal(held["avg_entry_price"]) if held else Decimal(0)
        self.ladder.cash = Decimal(account["cash"])

    async def act(self, wish: Order | CancelOrders) -> None:
        """Do what a key asked for; a refusal is said, not raised."""
        try:
            self.ladder.said = await asyncio.to_thread(self._act, wish)
        except LauncherError as error:
            self.ladder.said = str(error)
        self.has_news.set()

    def _act(self, wish: Order | CancelOrders) -> str:
        if isinstance(wish, CancelOrders):
            gone = sum(self._cancel(order_id) for order_id in wish.ids)
            return f"{gone} of {len(wish.ids)} cancelled."
        wanted = Wanted(wish.side, self.ladder.symbol, wish.units, limit=wish.price)
        placed = self.broker.ask("POST", "/v2/orders", order_body(wanted))
        if placed["status"] not in _ENDED:
            # At once, so that the next key can cancel it.
            self.ladder.orders[placed["id"]] = _own_order(placed)
        where = f"at {price_text(wish.price)}" if wish.price is not None else "at the market"
        return f"{wish.side} {wish.units} {where}: {placed['status']}"

    def _cancel(self, order_id: str) -> bool:
        try:
            self.broker.ask("DELETE", f"/v2/orders/{order_id}")
        except RefusedError:
            # It was filled on the way.
            return False
        return True


def print_of(message: Message) -> Print:
    """A trade message of the data stream."""
    side = {"B": "buy", "S": "sell"}.get(str(message.get("tks", "")), "")
    at = str(message["t"])[11:19]
    return Print(at, Decimal(str(message["p"])), int(message["s"]), side)


def _own_order(order: dict[str, Any]) -> OwnOrder:
    price = order.get("limit_price")
    left = Decimal(order["qty"]) - Decimal(order.get("filled_qty") or 0)
    return OwnOrder(
        order["id"], order["side"], Decimal(price) if price is not None else None, int(left)
    )


def run_ladder(
    access: Access, symbol: str, *, has_terminal: bool, seconds: float | None = None
) -> None:
    """Show the ladder until the person leaves, or so many seconds.

    Raises:
        RefusedError: the venue has no such symbol, or does not let this key in.
        NotRunningError: it does not answer.
    """
    with Broker(access) as broker:
        broker.ask("GET", f"/v2/assets/{symbol}")
        watching = _watch(access, broker, symbol, has_terminal=has_terminal, seconds=seconds)
        try:
            asyncio.run(watching)
        except ExceptionGroup as failed:
            # One of the streams or the books; what it said is for the person, not the group.
            raise failed.exceptions[0] from None


async def _watch(
    access: Access, broker: Broker, symbol: str, *, has_terminal: bool, seconds: float | None
) -> None:
    desk = _Desk(Ladder(symbol), broker)
    feed = MarketFeed(access, symbol, desk.hear)
    await desk.look()
    leaving = asyncio.create_task(_attend(desk, feed) if has_terminal else _tell(desk, feed))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leaving.cancel)
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(seconds), _listening(access, desk, feed):
            await leaving


@contextlib.asynccontextmanager
async def _listening(access: Access, desk: _Desk, feed: MarketFeed) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(feed.run(), name="market data"),
            group.create_task(
                hear_own_orders(access, lambda _: desk.has_news.set()), name="own orders"
            ),
            group.create_task(desk.keep_books(), name="books"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _copy_book(desk: _Desk, feed: MarketFeed) -> None:
    if feed.book.is_ready:
        desk.ladder.bids = [(price, int(size)) for price, size in feed.book.bids(_LEVELS)]
        desk.ladder.asks = [(price, int(size)) for price, size in feed.book.asks(_LEVELS)]


async def _attend(desk: _Desk, feed: MarketFeed) -> None:
    """On a terminal: draw, and do what keys say."""
    with (
        pressed_keys() as keys,
        Live(picture(desk.ladder), console=Console(), auto_refresh=False) as live,
    ):
        while True:
            wish = desk.ladder.press(await _next_key(keys))
            if isinstance(wish, Leave):
                return
            if wish is not None:
                await desk.act(wish)
            _copy_book(desk, feed)
            live.update(picture(desk.ladder), refresh=True)


async def _next_key(keys: asyncio.Queue[str]) -> str:
    """The next key, or "" when it is time to draw."""
    try:
        async with asyncio.timeout(_REDRAW_S):
            return await keys.get()
    except TimeoutError:
        return ""


async def _tell(desk: _Desk, feed: MarketFeed) -> None:
    """Elsewhere: the book once, then a line a trade."""
    while not feed.book.is_ready:  # noqa: ASYNC110 - the feed has no other reader to wake
        await asyncio.sleep(_REDRAW_S)
    _copy_book(desk, feed)
    for line in lines(desk.ladder):
        click.echo(line)
    desk.printed = lambda trade: click.echo(trade_line(desk.ladder.symbol, trade))
    await asyncio.Event().wait()
