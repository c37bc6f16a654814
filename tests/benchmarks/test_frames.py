"""The lean WebSocket of the measuring processes, against a server that keeps to the RFC."""

import asyncio

import pytest
from websockets.asyncio.server import serve

from benchmarks._frames import BINARY, TEXT, WebSocketClient, client_frame

SIZES = (0, 1, 125, 126, 127, 65_535)


class Client(WebSocketClient):
    """Keeps what it hears."""

    def __init__(self, url, opcode):
        super().__init__(url, opcode)
        self.payloads = []
        self.is_told = asyncio.Event()
        self.is_over = asyncio.Event()
        self.told = b""

    def opened(self):
        for size in SIZES:
            self.transport.write(client_frame(self._opcode, b"x" * size))

    def heard(self, payload):
        self.payloads.append(payload)
        if payload == b"end":
            self.is_told.set()

    def connection_lost(self, error):
        self.is_over.set()


def kind(data, opcode):
    return data.decode() if opcode == TEXT else data


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_what_is_sent_and_heard_is_what_the_other_side_says(opcode):
    got = []

    async def server(socket):
        assert socket.request.path == "/v2/curb?codec=msgpack"
        for _ in SIZES:
            got.append(await socket.recv())
        # A client of the other kind of frame is not meant.
        await socket.send(kind(b"for others", TEXT + BINARY - opcode))
        for size in (*SIZES, 65_536, 300_000):
            await socket.send(kind(b"y" * size, opcode))
            await (await socket.ping(b"are you there"))
        await socket.send(kind(b"end", opcode))
        await socket.wait_closed()

    async with serve(server, "127.0.0.1", 0, compression=None) as serving:
        port = serving.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/v2/curb?codec=msgpack"
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: Client(url, opcode), "127.0.0.1", port
        )
        async with asyncio.timeout(20):
            await client.is_told.wait()
        client.transport.close()
        await client.is_over.wait()
    assert got == [kind(b"x" * size, opcode) for size in SIZES]
    assert [len(one) for one in client.payloads] == [*SIZES, 65_536, 300_000, 3]


@pytest.mark.parametrize("step", [1, 7, 1_000])
async def test_bytes_may_come_in_any_pieces(step):
    client = Client("ws://h/", TEXT)
    client.opened = lambda: None
    answer = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"
    long = b"z" * 400
    stream = answer + b"\x81\x02hi" + b"\x81\x7e\x01\x90" + long + b"\x81\x00"
    for at in range(0, len(stream), step):
        client.data_received(stream[at : at + step])
    assert client.payloads == [b"hi", long, b""]


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 403 No\r\n\r\n", b"HTTP/1.1 101 Yes\r\n\r\n\x88\x04\x03\xf0by"]
)
async def test_a_server_that_says_no_or_closes_is_an_error(data):
    client = Client("ws://h/", TEXT)
    client.opened = lambda: None
    with pytest.raises(ConnectionError):
        client.data_received(data)
