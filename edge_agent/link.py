"""One MQTT link that comes back: connect, subscribe, hand over messages, try again when lost.

Losing it is normal. It is logged once, its return once, and retried with full-jitter back-off.
Everything that matters is acknowledged by the application, so a clean session is enough.
"""

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import aiomqtt
import structlog
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.cancelled import end_if_cancelled

log = structlog.get_logger()

_FIRST_DELAY_MS: Final = 250
_KEEPALIVE_S: Final = 10
_TIMEOUT_S: Final = 5.0
_REFUSED: Final = 0x80
# Nagle with delayed acknowledgement costs 44 ms a hop.
_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


def retry_delay_ms(attempt: int, draw: float, delay_ms_max: int) -> int:
    """How long to wait before connecting again, in ms: 0 to a ceiling that doubles ("full jitter").

    attempt: 0 for the first retry.
    draw: uniform in [0, 1).
    Source: M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
    """
    return int(draw * min(delay_ms_max, _FIRST_DELAY_MS * 2 ** min(attempt, 20)))


class Handler(Protocol):
    """Who lives on a link. `on_message` runs in order, one at a time."""

    async def on_up(self) -> None:
        """The subscriptions are made."""
        ...

    async def on_message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """A message came; a retained one may be of long ago."""
        ...

    async def on_down(self) -> None:
        """The link is lost."""
        ...


@dataclass(frozen=True, kw_only=True)
class LinkOptions:
    """Where a link leads and what it listens to."""

    name: str
    host: str
    port: int
    tls: ssl.SSLContext
    identifier: str
    subscriptions: Sequence[tuple[str, int]]
    """Topic filters with their QoS."""
    will: tuple[str, bytes] | None = None
    delay_ms_max: int = 30_000


class Link:
    """A link to one broker; `run_forever` keeps it."""

    def __init__(
        self,
        options: LinkOptions,
        handler: Handler,
        *,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._options = options
        self._handler = handler
        self._draw = draw
        self._sleep = sleep
        self._client: aiomqtt.Client | None = None
        self.losses = 0

    @property
    def is_up(self) -> bool:
        """Whether messages go through, as far as is known."""
        return self._client is not None

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> bool:
        """Hand a message to the broker; False when the link is down or breaks meanwhile."""
        client = self._client
        if client is None:
            return False
        try:
            await client.publish(topic, payload, qos=qos, retain=retain)
        except aiomqtt.MqttError:
            return False
        end_if_cancelled()
        return True

    async def run_forever(self) -> None:
        """Keep the link up until cancelled."""
        attempt = 0
        while True:
            try:
                async with self._connected() as client:
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError, ssl.SSLError) as error:
                if self.is_up:
                    attempt = 0
                await self._lost(error, is_first=attempt == 0)
            end_if_cancelled()
            delay_ms = retry_delay_ms(attempt, self._draw(), self._options.delay_ms_max)
            attempt += 1
            await self._sleep(delay_ms / 1000)

    async def _serve(self, client: aiomqtt.Client) -> None:
        for topic_filter, qos in self._options.subscriptions:
            granted = await client.subscribe(topic_filter, qos=qos)
            if any(_number(code) >= _REFUSED for code in granted):
                # Connected and deaf would look like a link that works.
                raise aiomqtt.MqttError(f"The broker refused the subscription to {topic_filter}.")
        end_if_cancelled()
        self._client = client
        log.info("link_up", link=self._options.name)
        try:
            await self._handler.on_up()
            async for message in client.messages:
                payload = message.payload
                if isinstance(payload, bytes | bytearray):
                    await self._handler.on_message(
                        str(message.topic), bytes(payload), retained=message.retain
                    )
        except asyncio.CancelledError:
            # A farewell is not a loss: the broker would not speak the last will.
            if self._options.will is not None:
                topic, farewell = self._options.will
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.publish(topic, farewell, qos=1, retain=True)
            raise

    async def _lost(self, error: Exception, *, is_first: bool) -> None:
        if is_first:
            log.warning("link_down", link=self._options.name, why=str(error))
        if self.is_up:
            self._client = None
            self.losses += 1
            await self._handler.on_down()

    def _connected(self) -> aiomqtt.Client:
        options = self._options
        will = None
        if options.will is not None:
            topic, payload = options.will
            will = aiomqtt.Will(topic, payload, qos=1, retain=True)
        return aiomqtt.Client(
            options.host,
            options.port,
            identifier=options.identifier,
            tls_context=options.tls,
            clean_session=True,
            keepalive=_KEEPALIVE_S,
            timeout=_TIMEOUT_S,
            will=will,
            socket_options=_SOCKET_OPTIONS,
        )


def _number(code: int | ReasonCode) -> int:
    return code if isinstance(code, int) else int(code.value)
