"""A TCP connection under mutual TLS 1.2 that never blocks the event loop on the network.

MicroPython's own streams connect with Nagle's algorithm on (44 ms a hop) and wait for the socket
before they look whether TLS has already decrypted something; hence this file. A handshake costs
processor time in pieces (a P-256 operation takes some 20 to 150 ms on the boards); between them
the loop runs.
"""

import asyncio
import errno
import socket
import ssl
from asyncio import core  # type: ignore[attr-defined] # the stubs leave it out

# IPPROTO_TCP and TCP_NODELAY, which MicroPython does not name.
_TCP = 6
_NODELAY = 1
_IN_PROGRESS = (errno.EINPROGRESS, errno.EAGAIN, errno.EALREADY)
# Packets waiting for a slow link; a tap that finds the queue full is decided from the list.
QUEUE_MAX = 8


def _readable(stream):
    # A coroutine for MicroPython, where any generator can be awaited.
    yield core._io_queue.queue_read(stream)


def _writable(stream):
    yield core._io_queue.queue_write(stream)


def tls_context(certificate, key, authority):
    """A client context; all three in DER (bytes). The server must be certified by `authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined] # the stubs leave it out
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=authority)
    return context


async def open_transport(host, port, context):
    """Connect and return a Transport; the handshake happens with the first bytes sent.

    Raises:
        OSError: nobody listens, or the way there is closed.
    """
    address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][-1]
    raw = socket.socket()
    try:
        raw.setblocking(False)
        try:
            raw.connect(address)
        except OSError as error:
            if error.errno not in _IN_PROGRESS:
                raise
        await _writable(raw)
        try:
            raw.setsockopt(_TCP, _NODELAY, 1)
        except OSError:
            # A port without it costs latency, not correctness.
            pass
        stream = context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        raw.close()
        raise
    return Transport(raw, stream)


class Transport:
    """Bytes in and out; one task reads, anybody may `send`."""

    def __init__(self, raw, stream):
        """Own both sockets; `close` ends them."""
        self._raw = raw
        self._stream = stream
        self._queue = []
        self._has_work = asyncio.Event()
        self._is_shaken = False
        self.error = None

    def send(self, data):
        """Send bytes, at once if the link takes them; False if the queue is full or it is gone."""
        if self.error is not None or len(self._queue) >= QUEUE_MAX:
            return False
        self._queue.append(data)
        if len(self._queue) == 1 and self._is_shaken:
            self._write_some()
        if self._queue:
            self._has_work.set()
        return self.error is None

    async def flush_forever(self):
        """Send what could not be sent at once; runs beside the reading task."""
        while self.error is None:
            await self._has_work.wait()
            self._has_work.clear()
            while self._queue and self.error is None:
                if self._write_some():
                    continue
                # In the handshake it is the server that is waited for, whatever is to be sent.
                await (_writable(self._raw) if self._is_shaken else _readable(self._raw))

    async def fill(self, view):
        """Fill a memoryview.

        Raises:
            OSError: the connection ended.
            ValueError: the server's certificate is not one of ours.
        """
        at = 0
        while at < len(view):
            if self.error is not None:
                raise self.error
            got = self._stream.readinto(view[at:]) if self._is_shaken else None
            if got is None:
                await self._wait_for_bytes()
            elif got == 0:
                raise OSError(errno.ECONNRESET)
            else:
                at += got

    async def _wait_for_bytes(self):
        if self._is_shaken:
            # The socket below, whose every byte TLS was offered by now: MicroPython's poll looks at
            # a TLS stream a thousand times a second.
            await _readable(self._raw)
        else:
            # The flushing task drives the handshake; two tasks must not wait on one socket.
            await asyncio.sleep_ms(2)

    def _write_some(self):
        """Push the head of the queue; False if the link would block."""
        data = self._queue[0]
        try:
            written = self._stream.write(data)
        except (OSError, ValueError) as error:
            # ValueError: the server's certificate is not one of ours.
            self.error = error
            return False
        if written is None:
            return False
        self._is_shaken = True
        # TLS wants an unfinished record repeated as it was, so the rest stays at the head.
        if written == len(data):
            self._queue.pop(0)
        else:
            self._queue[0] = data[written:]
        return True

    def close(self):
        """End the connection; may be called twice."""
        self.error = self.error or OSError(errno.ECONNRESET)
        self._has_work.set()
        for stream in (self._stream, self._raw):
            try:
                stream.close()
            except OSError:
                pass
