"""The one connection to the cloud broker: mutual TLS 1.3, made anew whenever it is lost.

A lost link loses nothing: sites send again what was not acknowledged, and what goes down is in the
database or comes again with the next report.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiomqtt import Client, Message, MqttError

from cloud.events.cancelled import end_if_cancelled
from protocols.enrolment import CLOUD_COMMON_NAME
from protocols.portable import topics

_KEEPALIVE_S: Final = 15
_CONNECT_WITHIN_S: Final = 10.0
_DELAY_S_MAX: Final = 5.0
# Nagle and delayed acknowledgement together cost 44 ms a message.
_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)

log = structlog.get_logger()


class LinkDownError(Exception):
    """There is no connection to the broker right now; nothing was sent."""


@dataclass(frozen=True)
class LinkSettings:
    """Where the broker is and who we are. url: mqtts://host:port."""

    url: str
    ca_file: Path
    cert_file: Path
    key_file: Path


class Link:
    """Receives from every site and publishes to one; `run` keeps it up."""

    def __init__(
        self,
        settings: LinkSettings,
        on_message: Callable[[str, bytes], None],
        on_up: Callable[[], Awaitable[None]],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._on_message = on_message
        self._on_up = on_up
        self._draw = draw
        self._client: Client | None = None

    @property
    def is_up(self) -> bool:
        """Whether the broker is connected."""
        return self._client is not None

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Send a message.

        Raises:
            LinkDownError: there is no connection, or it was lost while sending.
        """
        if self._client is None:
            raise LinkDownError(f"No connection to {self._settings.url}.")
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain)
        except MqttError as error:
            raise LinkDownError(str(error)) from error
        end_if_cancelled()

    async def run(self) -> None:
        """Connect, receive, connect again; until cancelled."""
        attempt = 0
        while True:
            end_if_cancelled()
            try:
                async with self._connected() as client:
                    log.info("broker_connected", url=self._settings.url)
                    attempt = 0
                    await self._on_up()
                    async for message in client.messages:
                        self._hand_over(message)
            except (MqttError, LinkDownError, OSError) as error:
                if attempt == 0:
                    log.warning("broker_lost", url=self._settings.url, error=str(error))
                attempt += 1
            await asyncio.sleep(min(_DELAY_S_MAX, 0.1 * 2 ** min(attempt, 6)) * self._draw())

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        address = urlsplit(self._settings.url)
        async with Client(
            address.hostname or "",
            address.port or 8883,
            identifier=CLOUD_COMMON_NAME,
            clean_session=True,
            keepalive=_KEEPALIVE_S,
            timeout=_CONNECT_WITHIN_S,
            tls_context=tls_context(self._settings),
            socket_options=_SOCKET_OPTIONS,
        ) as client:
            # QoS 0 throughout: what matters is acknowledged above MQTT, where it means "stored".
            await client.subscribe(topics.site("+", "up/#"), qos=0)
            await client.subscribe(topics.site("+", "state/#"), qos=0)
            end_if_cancelled()
            self._client = client
            try:
                yield client
            finally:
                self._client = None

    def _hand_over(self, message: Message) -> None:
        payload = message.payload
        self._on_message(message.topic.value, payload if isinstance(payload, bytes) else b"")


def tls_context(settings: LinkSettings) -> ssl.SSLContext:
    """TLS 1.3 with our certificate, trusting the project's authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(settings.ca_file)
    context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
