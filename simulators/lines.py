"""The wire from each gate to its broker, which can be made slow: bytes come later, none is lost."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from simulators.fleet import GateSetup

_CHUNK_BYTES = 65_536
_LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Line:
    """One gate's wire. delay_s: how much later bytes arrive, in each direction."""

    host: str
    port: int
    delay_s: float = 0.0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The gate connects."""
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cut every connection."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until either end hangs up; the other is then told."""
        with contextlib.ExitStack() as stack:
            stack.callback(writer.close)
            try:
                far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                # Nobody listens: the gate finds its connection closed, as it would a refused one.
                return
            stack.callback(far_writer.close)
            ways = [
                asyncio.create_task(self._carry(reader, far_writer)),
                asyncio.create_task(self._carry(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def take() -> None:
            while data := await reader.read(_CHUNK_BYTES):
                under_way.put_nowait((clock() + self.delay_s, data))
            under_way.put_nowait((clock() + self.delay_s, b""))

        taking = asyncio.create_task(take())
        try:
            while True:
                due, data = await under_way.get()
                if (wait_s := due - clock()) > 0:
                    await asyncio.sleep(wait_s)
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


@contextlib.asynccontextmanager
async def running_lines(
    setups: Sequence[GateSetup],
) -> AsyncIterator[tuple[list[GateSetup], dict[str, Line]]]:
    """A line for every gate: the setups that use them, and the lines by gate."""
    lines: dict[str, Line] = {}
    joined: list[GateSetup] = []
    async with contextlib.AsyncExitStack() as stack:
        for setup in setups:
            identity = json.loads((setup.flash / "identity.json").read_text())
            line = Line(identity["broker_host"], identity["broker_port"])
            server = await asyncio.start_server(line.meet, _LOOPBACK, 0)
            stack.push_async_callback(line.close)
            stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
            lines[setup.gate] = line
            joined.append(replace(setup, line=f"{_LOOPBACK}:{port}"))
        yield joined, lines
