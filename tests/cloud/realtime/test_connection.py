"""What a client may say and when, how it is answered, and for what it is cut off."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from cloud.realtime import connection as connection_module
from cloud.realtime import hub as hub_module
from cloud.realtime import routes
from protocols import realtime as wire
from protocols.realtime import Code, Subscribe
from tests.cloud.realtime.conftest import ADA, BOB, START, Client, eventually, token_of

pytestmark = pytest.mark.timeout(60)


async def test_a_client_joins_with_a_snapshot_and_hears_what_follows(server, board):
    board.facts["elm"] = [1]
    async with Client.open(server.port, token_of(ADA)) as ada:
        joined = await ada.ask(Subscribe("lot:elm"))
        assert isinstance(joined, wire.Subscribed)
        assert (joined.room, joined.seq, bytes(joined.snapshot)) == ("lot:elm", 0, b'{"facts":[1]}')
        await server.hub.publish("lot:elm", "passage", {"taken": 3}, at_ms=7)
        event = await ada.hear()
        assert isinstance(event, wire.RoomEvent)
        assert (event.seq, event.event, event.at_ms) == (1, "passage", 7)
        assert json.loads(bytes(event.data)) == {"taken": 3}


async def test_the_own_room_is_called_me_and_hears_nothing_of_others(server):
    async with (
        Client.open(server.port, token_of(ADA)) as ada,
        Client.open(server.port, token_of(BOB)) as bob,
    ):
        for client in (ada, bob):
            joined = await client.ask(Subscribe("user:me"))
            assert isinstance(joined, wire.Subscribed)
            assert joined.room == "user:me"
        await server.hub.publish(f"user:{ADA}", "stay", {"fee": 1})
        await server.hub.publish(f"user:{BOB}", "stay", {"fee": 2})
        heard = [await ada.hear(), await bob.hear()]
        assert [(x.room, bytes(x.data)) for x in heard] == [
            ("user:me", b'{"fee":1}'),
            ("user:me", b'{"fee":2}'),
        ]


async def test_what_may_not_be_joined_is_refused_with_a_code(server, board):
    board.closed_to = {ADA}
    async with Client.open(server.port, token_of(ADA)) as ada:
        for room, code in (
            ("lot:elm", Code.FORBIDDEN),
            ("moon:base", Code.ROOM_UNKNOWN),
            ("lot:not a room", Code.ROOM_UNKNOWN),
            (f"user:{BOB}", Code.ROOM_UNKNOWN),
            ("", Code.ROOM_UNKNOWN),
        ):
            refused = await ada.ask(Subscribe(room))
            assert isinstance(refused, wire.Refused)
            assert (refused.code, refused.room) == (code, room)


async def test_a_room_that_is_left_is_not_heard_any_more(server):
    async with Client.open(server.port, token_of(ADA)) as ada:
        await ada.ask(Subscribe("lot:elm"))
        assert await ada.ask(wire.Unsubscribe("lot:elm")) == wire.Unsubscribed(
            "lot:elm", Code.REQUESTED
        )
        await server.hub.publish("lot:elm", "passage", {})
        assert await ada.ask(wire.Ping(5)) == wire.Pong(5)


async def test_rooms_are_bounded(server, monkeypatch):
    monkeypatch.setattr(connection_module, "ROOMS_MAX", 2)
    async with Client.open(server.port, token_of(ADA)) as ada:
        for room in ("lot:a", "lot:b"):
            assert isinstance(await ada.ask(Subscribe(room)), wire.Subscribed)
        refused = await ada.ask(Subscribe("lot:c"))
        assert isinstance(refused, wire.Refused)
        assert refused.code == Code.TOO_MANY_ROOMS
        assert isinstance(await ada.ask(Subscribe("lot:a")), wire.Subscribed)


async def test_a_client_that_says_nothing_of_itself_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(connection_module, "AUTH_WITHIN_S", 0)
    async with Client.open(server.port) as silent:
        assert await silent.ending() == (Code.AUTH_TIMEOUT, 4408)


@pytest.mark.parametrize("first", ['{"t":"subscribe","room":"lot:elm"}', "nonsense", b"\xff\x00"])
async def test_the_first_message_must_be_the_token(server, first):
    async with Client.open(server.port) as client:
        await client.say(first)
        assert await client.ending() == (Code.AUTH_REQUIRED, 4401)


async def test_a_bad_token_is_refused_and_an_outage_says_come_back(server, tokens):
    async with Client.open(server.port) as client:
        await client.say(wire.Authenticate("forged"))
        assert await client.ending() == (Code.AUTH_FAILED, 4402)
    tokens.is_away = True
    async with Client.open(server.port) as client:
        await client.say(wire.Authenticate(token_of(ADA)))
        assert await client.ending() == (Code.UNAVAILABLE, 4503)


async def test_a_malformed_message_is_refused_and_the_connection_goes_on(server):
    async with Client.open(server.port, token_of(ADA)) as ada:
        refused = await ada.ask('{"t":"fly"}')
        assert isinstance(refused, wire.Refused)
        assert refused.code == Code.MALFORMED
        assert await ada.ask(wire.Ping(1)) == wire.Pong(1)


async def test_too_long_a_message_and_too_many_are_cut_off(server):
    async with Client.open(server.port, token_of(ADA)) as ada:
        await ada.say("x" * (wire.CLIENT_MESSAGE_BYTES_MAX + 1))
        assert await ada.ending() == (Code.TOO_LARGE, 4413)
    async with Client.open(server.port, token_of(ADA)) as ada:
        for n in range(connection_module.MESSAGES_BURST + 50):
            await ada.say(wire.Pong(n))
        assert await ada.ending() == (Code.TOO_MANY_REQUESTS, 4429)


async def test_a_revoked_token_is_cut_and_a_renewed_one_goes_on(server, tokens, monkeypatch):
    monkeypatch.setattr(connection_module, "RECHECK_S", 0)
    monkeypatch.setattr(routes, "TICK_S", 0.02)
    old, new = token_of(ADA, expires_at_s=4_000_000_000), token_of(ADA, expires_at_s=4_000_000_001)
    async with Client.open(server.port, old) as ada:
        welcome = await ada.ask(wire.Authenticate(new))
        assert isinstance(welcome, wire.Welcome)
        assert welcome.expires_at_ms == 4_000_000_001_000
        tokens.revoked = {old}
        await tokens.asked_again()
        assert await ada.ask(wire.Ping(1)) == wire.Pong(1)
        tokens.is_away = True
        await tokens.asked_again()
        assert await ada.ask(wire.Ping(2)) == wire.Pong(2)
        tokens.is_away, tokens.revoked = False, {new}
        assert await ada.ending() == (Code.REVOKED, 4403)


async def test_an_expired_token_is_cut_with_its_own_code(server, tokens, monkeypatch):
    monkeypatch.setattr(connection_module, "RECHECK_S", 0)
    token = token_of(ADA, expires_at_s=int(START.timestamp()))
    async with Client.open(server.port, token) as ada:
        tokens.revoked = {token}
        assert await ada.ending() == (Code.TOKEN_EXPIRED, 4410)


async def test_another_users_token_does_not_change_whose_connection_it_is(server):
    async with Client.open(server.port, token_of(ADA)) as ada:
        await ada.say(wire.Authenticate(token_of(BOB)))
        assert await ada.ending() == (Code.AUTH_FAILED, 4402)


async def test_a_quiet_client_is_asked_and_a_silent_one_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(routes, "TICK_S", 0.02)
    monkeypatch.setattr(connection_module, "HEARTBEAT_S", 1)
    monkeypatch.setattr(connection_module, "SILENT_HEARTBEATS_MAX", 2)
    async with Client.open(server.port, token_of(ADA)) as ada:
        asked = await ada.hear()
        assert isinstance(asked, wire.Ping)
        await ada.say(wire.Pong(asked.id))
        assert await ada.ending() == (Code.SILENT, 4418)


async def test_a_slow_client_is_dropped_and_the_others_hear_everything(server, monkeypatch):
    monkeypatch.setattr(connection_module, "QUEUED_FRAMES_MAX", 50)
    async with (
        Client.open(server.port, token_of(ADA)) as fast,
        connect(
            f"ws://127.0.0.1:{server.port}/ws",
            compression=None,
            max_queue=1,
            close_timeout=1,
            proxy=None,
        ) as slow,
    ):
        await fast.ask(Subscribe("lot:elm"))
        await slow.send(wire.encode(wire.Authenticate(token_of(BOB))).decode())
        await slow.send(wire.encode(Subscribe("lot:elm")).decode())
        await slow.recv()
        await slow.recv()
        slow.transport.pause_reading()
        heard = 0
        for n in range(300):
            await server.hub.publish("lot:elm", "big", {"text": "x" * 60_000, "n": n})
            event = await fast.hear()
            assert isinstance(event, wire.RoomEvent)
            heard += event.seq == heard + 1
        assert heard == 300
        await eventually(lambda: len(server.live._connections) == 1)
        slow.transport.resume_reading()


async def test_a_stopping_server_says_so(redis_url, board, tokens, live_clock):
    from tests.cloud.realtime.conftest import Server

    stopping = Server(redis_url, board, tokens, live_clock)
    context = stopping.running()
    await context.__aenter__()
    async with Client.open(stopping.port, token_of(ADA)) as ada:
        ending = asyncio.ensure_future(ada.ending())
        await asyncio.sleep(0)
        await context.__aexit__(None, None, None)
        assert await ending == (Code.SHUTTING_DOWN, 4504)


async def test_a_snapshot_that_cannot_be_taken_is_unavailable(server, board):
    board.is_broken = True
    async with Client.open(server.port, token_of(ADA)) as ada:
        refused = await ada.ask(Subscribe("lot:elm"))
        assert isinstance(refused, wire.Refused)
        assert refused.code == Code.UNAVAILABLE
        board.is_broken = False
        assert isinstance(await ada.ask(Subscribe("lot:elm")), wire.Subscribed)


async def test_many_who_come_at_once_share_one_snapshot(server, board):
    async def join() -> None:
        async with Client.open(server.port, token_of(ADA)) as client:
            assert isinstance(await client.ask(Subscribe("lot:elm")), wire.Subscribed)

    await asyncio.gather(*(join() for _ in range(40)))
    assert board.snapshots <= 3


async def test_a_room_without_anybody_is_forgotten_and_can_be_joined_again(server, monkeypatch):
    monkeypatch.setattr(hub_module, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(hub_module, "IDLE_ROOM_KEPT_S", 0.1)
    async with Client.open(server.port, token_of(ADA)) as ada:
        await ada.ask(Subscribe("lot:elm"))
        assert "lot:elm" in server.hub._local
        await ada.ask(wire.Unsubscribe("lot:elm"))
        # A look that slept for the old, longer time comes first.
        await eventually(lambda: "lot:elm" not in server.hub._local)
        assert isinstance(await ada.ask(Subscribe("lot:elm")), wire.Subscribed)
        await server.hub.publish("lot:elm", "passage", {})
        assert isinstance(await ada.hear(), wire.RoomEvent)


async def test_a_broken_name_is_a_bug_of_whoever_publishes(server):
    with pytest.raises(LookupError):
        await server.hub.publish("moon:base", "passage", {})
    with pytest.raises(ValueError, match="not the name"):
        await server.hub.publish("lot:elm", "No Event", {})
