"""Order entry over the venue's WebSocket: one connection of one trader, many messages in flight."""

import asyncio
import json
from typing import Any

import websockets

from simulators.market.books import price_text
from simulators.market.streams import Key, Link, StreamRefusedError, listen_again_and_again
from simulators.market.trader import Message
from simulators.market.view import Place

PATH = "/v2/orders/ws"
ANSWER_WITHIN_S = 10.0
PING_EVERY_S = 20.0
NOT_CONNECTED = "order entry is not connected"
LOST = "order entry was lost before the answer came"


class OrderSocket:
    """Sends a trader's messages and waits for their answers; comes back after a lost connection.

    An order whose answer was lost may work all the same: the trader hears of it by its updates.
    """

    def __init__(self, key: Key) -> None:
        self._key = key
        self._link: Link | None = None
        self._ref = 0
        self._answers: dict[int, asyncio.Future[str | None]] = {}

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            StreamRefusedError: the key is no good here.
        """
        await listen_again_and_again(self._key.stream_url(PATH), self._listen)

    async def send(self, message: Message) -> str | None:
        """Place or cancel; None when it was taken, else why not."""
        if self._link is None:
            return NOT_CONNECTED
        self._ref += 1
        ref = self._ref
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        try:
            await self._link.send(json.dumps(frame_of(message, ref)))
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await answer
        except (TimeoutError, websockets.ConnectionClosed):
            return LOST
        finally:
            self._answers.pop(ref, None)

    async def _listen(self, link: Link) -> None:
        pair = {"key": self._key.key_id, "secret": self._key.secret}
        await link.send(json.dumps({"t": "auth"} | pair))
        (answer,) = json.loads(await link.recv())
        if answer["t"] == "ended" and answer["code"] == "auth_failed":
            raise StreamRefusedError(f"Order entry refused {self._key.key_id}: {answer}")
        if answer["t"] != "welcome":
            # It cannot say now whether the key is good: it starts, or stands by.
            return
        self._link = link
        pinging = asyncio.create_task(_ping(link))
        try:
            async for frame in link:
                for answer in json.loads(frame):
                    self._take(answer)
        finally:
            pinging.cancel()
            self._link = None
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_result(LOST)

    def _take(self, answer: dict[str, Any]) -> None:
        waiting = self._answers.get(answer.get("ref", 0))
        if waiting is not None and not waiting.done():
            is_refused = answer["t"] == "refused"
            waiting.set_result(str(answer["code"]) if is_refused else None)


def frame_of(message: Message, ref: int) -> dict[str, Any]:
    """The message as order entry reads it."""
    if message.place is None:
        return {"t": "cancel", "ref": ref, "client_order_id": message.tag}
    return {"t": "place", "ref": ref, "order": order_body(message, message.place)}


def order_body(message: Message, place: Place) -> dict[str, str]:
    """The JSON of a new order; numbers as text, so that none passes through a float."""
    body = {
        "symbol": message.symbol,
        "qty": str(place.units),
        "side": place.way.value,
        "type": "limit" if place.price_ticks else "market",
        "time_in_force": place.lasts,
        "client_order_id": message.tag,
    }
    return body | ({"limit_price": price_text(place.price_ticks)} if place.price_ticks else {})


async def _ping(link: Link) -> None:
    """Say something now and then: who is silent for a minute is taken for gone."""
    while True:
        await asyncio.sleep(PING_EVERY_S)
        await link.send('{"t":"ping","ref":0}')
