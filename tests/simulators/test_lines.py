"""A line delays bytes in both directions, loses none, and passes a hang-up on."""

import asyncio
import json

import pytest

from simulators.fleet import GateSetup
from simulators.lines import running_lines

GATE = "elm-in-1"


@pytest.fixture
async def echo():
    async def answer(reader, writer):
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def a_setup(folder, port) -> GateSetup:
    identity = {"broker_host": "127.0.0.1", "broker_port": port}
    (folder / "identity.json").write_text(json.dumps(identity))
    return GateSetup(GATE, folder, is_entry=True)


async def connect(setup: GateSetup):
    host, port = setup.line.split(":")
    return await asyncio.open_connection(host, int(port))


async def test_bytes_take_as_long_as_the_line_is_slow_and_keep_their_order(tmp_path, echo):
    clock = asyncio.get_running_loop().time
    async with running_lines([a_setup(tmp_path, echo)]) as ([setup], lines):
        reader, writer = await connect(setup)
        lines[GATE].delay_s = 0.2
        began = clock()
        writer.write(b"slow ")
        await asyncio.sleep(0.01)
        # What is sent once the line is quick again does not overtake what is under way.
        lines[GATE].delay_s = 0.0
        writer.write(b"quick")
        assert await reader.readexactly(10) == b"slow quick"
        assert clock() - began >= 0.2
        writer.close()


async def test_a_hang_up_reaches_the_other_end_and_so_does_a_dead_broker(tmp_path, echo):
    async with running_lines([a_setup(tmp_path, echo)]) as ([setup], _):
        reader, writer = await connect(setup)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
    (tmp_path / "dead").mkdir()
    async with running_lines([a_setup(tmp_path / "dead", 1)]) as ([setup], _):
        reader, writer = await connect(setup)
        assert await reader.read() == b""
        writer.close()
