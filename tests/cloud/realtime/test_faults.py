"""Valkey restarts, servers stop and start, connections break: no client misses or doubles anything.

Each fact is put on the board before it is told, as a commit comes before its notice. What a client
knows is its last snapshot and every event since; that must become all facts of the board.
"""

import asyncio
import contextlib
import json
import random

import pytest
from redis.exceptions import RedisError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from cloud.realtime import hub as hub_module
from protocols import realtime as wire
from tests.cloud.realtime.conftest import ADA, Board, Server, Tokens, eventually, token_of
from tests.support.engines import running_valkey

pytestmark = pytest.mark.timeout(120)


class Watcher:
    """A client that comes back whenever it is cut off, and keeps its place."""

    def __init__(self, ports: list[int], draw: random.Random) -> None:
        self.ports = ports
        self.draw = draw
        self.token = token_of(ADA)
        self.follower = wire.RoomFollower("lot:elm")
        self.known: set[int] = set()
        self.numbers_since_snapshot: list[int] = []
        self.resumed = self.snapshots = 0
        self.socket = None

    async def run(self) -> None:
        while True:
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                await self._watch(self.draw.choice(self.ports))
            await asyncio.sleep(0.02)

    async def _watch(self, port: int) -> None:
        url = f"ws://127.0.0.1:{port}/ws"
        async with connect(url, compression=None, open_timeout=2, proxy=None) as self.socket:
            await self.socket.send(wire.encode(wire.Authenticate(self.token)).decode())
            await self.socket.send(wire.encode(self.follower.subscribe()).decode())
            async for frame in self.socket:
                self._take(wire.decode_from_server(frame))
                if self.must_ask_again:
                    self.must_ask_again = False
                    await asyncio.sleep(0.05)
                    await self.socket.send(wire.encode(self.follower.subscribe()).decode())

    must_ask_again = False

    def _take(self, message: wire.FromServer) -> None:
        match message:
            case wire.Subscribed():
                self.follower.joined(message)
                self.snapshots += 1
                self.known = set(json.loads(bytes(message.snapshot))["facts"])
                self.numbers_since_snapshot = []
            case wire.Resumed():
                self.follower.joined(message)
                self.resumed += 1
            case wire.RoomEvent():
                assert self.follower.is_new(message), f"{message.seq} came twice"
                number = json.loads(bytes(message.data))["n"]
                assert number not in self.numbers_since_snapshot, f"fact {number} came twice"
                self.numbers_since_snapshot.append(number)
                self.known.add(number)
            case wire.Refused():
                self.must_ask_again = True


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_client_misses_or_doubles_anything_whatever_breaks(seed, live_clock, monkeypatch):
    monkeypatch.setattr(hub_module, "LOOK_EVERY_S", 0.2)
    draw = random.Random(seed)
    board = Board()
    board.facts["elm"] = facts = []
    with running_valkey() as valkey:
        servers = [Server(valkey.url, board, Tokens(), live_clock) for _ in range(2)]
        contexts = [server.running() for server in servers]
        for context in contexts:
            await context.__aenter__()
        ports = [server.port for server in servers]
        watchers = [Watcher(ports, random.Random(seed * 100 + n)) for n in range(6)]
        tasks = [asyncio.ensure_future(watcher.run()) for watcher in watchers]

        async def tell(number: int) -> None:
            facts.append(number)
            while True:  # as the event stream does: until it is told, with the same key
                try:
                    await draw.choice(servers).hub.publish(
                        "lot:elm", "fact", {"n": number}, key=str(number)
                    )
                except (RedisError, OSError):
                    await asyncio.sleep(0.02)
                else:
                    return

        async def restart_server(which: int) -> None:
            await contexts[which].__aexit__(None, None, None)
            servers[which] = Server(valkey.url, board, Tokens(), live_clock)
            servers[which].port = ports[which]
            contexts[which] = servers[which].running()
            await contexts[which].__aenter__()

        for number in range(240):
            what = draw.random()
            if number in (80, 160):
                await asyncio.to_thread(valkey.stop)
                await asyncio.to_thread(valkey.run)
            elif what < 0.02:
                await restart_server(draw.randrange(2))
            elif what < 0.10:
                socket = draw.choice(watchers).socket
                if socket is not None:
                    socket.transport.abort()
            await tell(number)

        assert not [task for task in tasks if task.done()], [task for task in tasks if task.done()]
        await eventually(lambda: all(w.known == set(facts) for w in watchers), within_s=30)
        assert sum(watcher.resumed for watcher in watchers) > 0
        assert sum(watcher.snapshots for watcher in watchers) >= 3 * len(watchers)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks), tasks
        for context in contexts:
            await context.__aexit__(None, None, None)


async def test_a_client_resumes_on_another_server_exactly_where_it_was(
    redis_url, board, tokens, live_clock
):
    from tests.cloud.realtime.conftest import Client

    async with (
        Server(redis_url, board, tokens, live_clock).running() as one,
        Server(redis_url, board, tokens, live_clock).running() as two,
    ):
        async with Client.open(one.port, token_of(ADA)) as ada:
            joined = await ada.ask(wire.Subscribe("lot:elm"))
            await one.hub.publish("lot:elm", "fact", {"n": 1})
            assert isinstance(await ada.hear(), wire.RoomEvent)
        for n in (2, 3):
            await one.hub.publish("lot:elm", "fact", {"n": n})
        async with Client.open(two.port, token_of(ADA)) as ada:
            resumed = await ada.ask(wire.Subscribe("lot:elm", joined.epoch, 1))
            assert resumed == wire.Resumed("lot:elm", joined.epoch, 1)
            assert [(await ada.hear()).seq for _ in range(2)] == [2, 3]
            await one.hub.publish("lot:elm", "fact", {"n": 4})
            assert (await ada.hear()).seq == 4


async def test_a_lost_announcement_is_found_by_the_next_look(server, monkeypatch):
    monkeypatch.setattr(hub_module, "LOOK_EVERY_S", 0.05)
    from tests.cloud.realtime.conftest import Client

    async with Client.open(server.port, token_of(ADA)) as ada:
        await ada.ask(wire.Subscribe("lot:elm"))
        await server.hub._channels.unsubscribe("curb:room:lot:elm")
        await server.hub.publish("lot:elm", "fact", {"n": 1})
        assert (await ada.hear()).seq == 1
