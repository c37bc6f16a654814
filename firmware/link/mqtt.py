"""A small MQTT 3.1.1 client for one device: clean session, last will, QoS 0 and 1, bounded memory.

Clean sessions on purpose: a gate resynchronises by version numbers and application acks, which a
broker's session cannot replace. PUBACK only says that the broker heard; nothing here relies on it.
"""

import asyncio
import errno

from firmware.link import packets

RETRY_DELAY_MS_MAX = 30000
_RETRY_DELAY_MS_FIRST = 500
_CONNECT_WITHIN_MS = 8000


def retry_delay_ms(attempt, draw):
    """How long to wait before reconnecting, in ms.

    attempt: 0 for the first retry; draw: uniform in [0, 1).
    Source: M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015 (full jitter).
    """
    ceiling_ms = min(RETRY_DELAY_MS_MAX, _RETRY_DELAY_MS_FIRST << min(attempt, 10))
    return int(ceiling_ms * draw)


class MqttClient:
    """One connection at a time; `run` lives as long as it does.

    open_transport: coroutine function giving a Transport.
    on_message: called with (topic, payload memoryview); it must copy what it keeps and not wait.
    on_oversize: called with the topic of a message too long for the buffer.
    """

    def __init__(self, open_transport, client_id, will, keepalive_s, buffer_bytes, uptime_ms):
        """Take the parts; will is (topic, payload), sent retained by the broker when we vanish."""
        self._open = open_transport
        self._client_id = client_id
        self._will = will
        self._keepalive_s = keepalive_s
        # A message, its topic and a few bytes of header, allocated once.
        self._buffer = memoryview(bytearray(buffer_bytes))
        self._uptime_ms = uptime_ms
        self._transport = None
        self._packet_id = 0
        self._sent_ms = 0
        self._heard_ms = 0
        self._failure = None
        self.is_up = False
        self.on_message = None
        self.on_oversize = None
        self.on_packet = None

    def publish(self, topic, payload, qos=0, retain=False):
        """Send now if the link takes it; False if it is down or stuck. QoS 1 is not repeated."""
        if not self.is_up:
            return False
        return self._send(
            packets.publish(topic, payload, self._next_id() if qos else 0, retain=retain)
        )

    async def run(self, topics, on_up):
        """Connect, subscribe to (topic, qos) pairs, call on_up, then read until the link fails.

        Raises:
            OSError: the link failed or the broker refused us.
        """
        transport = await asyncio.wait_for_ms(self._open(), _CONNECT_WITHIN_MS)
        self._transport = transport
        flusher = asyncio.create_task(transport.flush_forever())
        reader = asyncio.create_task(self._read(topics, on_up))
        try:
            await self._watch(reader)
        finally:
            self.is_up = False
            reader.cancel()
            flusher.cancel()
            transport.close()
            self._transport = None

    def close(self):
        """Drop the connection; `run` then ends."""
        if self._transport is not None:
            self._transport.close()

    async def _watch(self, reader):
        """Keep-alive, and an end to a link on which nothing is heard any more."""
        self._heard_ms = self._sent_ms = began_ms = self._uptime_ms()
        keepalive_ms = self._keepalive_s * 1000
        self._failure = OSError(errno.ECONNRESET)
        while not reader.done():
            await asyncio.sleep_ms(100)
            now_ms = self._uptime_ms()
            if not self.is_up:
                if now_ms - began_ms > _CONNECT_WITHIN_MS:
                    raise OSError(errno.ETIMEDOUT)
                continue
            if now_ms - self._heard_ms > keepalive_ms * 3 // 2:
                raise OSError(errno.ETIMEDOUT)
            if now_ms - max(self._sent_ms, self._heard_ms) > keepalive_ms // 2:
                self._send(packets.PINGREQ_BYTES)
                # A ping unanswered leaves this as it is; it is not to be sent ten times a second.
                self._sent_ms = now_ms
        raise self._failure

    async def _read(self, topics, on_up):
        """Read until the link fails; why it did is left in `_failure`, for `_watch` to raise."""
        try:
            await self._begin(topics)
            on_up()
            while True:
                first, body = await self._packet()
                self._handle(first, body)
        except packets.PacketError:
            self._failure = OSError(errno.EINVAL)
        except (OSError, ValueError) as error:
            self._failure = error
        finally:
            # At once, so that the next card is decided without asking in vain.
            self.is_up = False

    async def _begin(self, topics):
        topic, payload = self._will
        self._send(packets.connect(self._client_id, self._keepalive_s, topic, payload))
        first, body = await self._packet()
        if first != packets.CONNACK or len(body) != 2 or body[1]:
            raise OSError(errno.ECONNREFUSED)
        for wanted, qos in topics:
            packet_id = self._next_id()
            self._send(packets.subscribe(packet_id, wanted, qos))
            while True:
                first, body = await self._packet()
                if first == packets.SUBACK:
                    break
                self._handle(first, body)
            if body[2] == 0x80:
                raise OSError(errno.EACCES)
        self.is_up = True

    async def _packet(self):
        """The next packet as (first byte, body in the buffer); oversized ones are read past."""
        while True:
            view = self._buffer
            await self._transport.fill(view[:2])
            first, digit = view[0], view[1]
            length, shift = digit & 0x7F, 7
            while digit & 0x80:
                if shift > 21:
                    raise packets.PacketError("remaining length")
                await self._transport.fill(view[:1])
                digit = view[0]
                length |= (digit & 0x7F) << shift
                shift += 7
            self._heard_ms = self._uptime_ms()
            if length <= len(view):
                await self._transport.fill(view[:length])
                if self.on_packet:
                    self.on_packet()
                return first, view[:length]
            await self._skip(first, length)

    async def _skip(self, first, length):
        view = self._buffer
        await self._transport.fill(view)
        left = length - len(view)
        topic = ""
        if first & 0xF0 == packets.PUBLISH:
            topic, _, packet_id = packets.split_publish(first, view)
            if packet_id:
                self._send(packets.puback(packet_id))
        while left:
            piece = view[: min(left, len(view))]
            await self._transport.fill(piece)
            left -= len(piece)
        if self.on_oversize:
            self.on_oversize(topic)

    def _handle(self, first, body):
        if first & 0xF0 != packets.PUBLISH:
            return
        topic, payload, packet_id = packets.split_publish(first, body)
        if packet_id:
            self._send(packets.puback(packet_id))
        if self.on_message:
            self.on_message(topic, payload)

    def _send(self, data):
        self._sent_ms = self._uptime_ms()
        return self._transport is not None and self._transport.send(data)

    def _next_id(self):
        self._packet_id = self._packet_id % 65535 + 1
        return self._packet_id
