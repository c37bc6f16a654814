"""The thousand clients of `live`, in a process of their own: hears, notes the time, prints it.

Standard input: one JSON object (see Order). Standard output: a line `ready` when all are in the
room, then one JSON object (see Heard). Times are of the machine's monotonic clock, which all its
processes share.
"""

import asyncio
import sys
import time

import msgspec
import uvloop
from websockets.asyncio.client import connect

from protocols.realtime import (
    Authenticate,
    Ping,
    Pong,
    Resumed,
    RoomEvent,
    RoomFollower,
    SequenceGapError,
    Subscribed,
    decode_from_server,
    encode,
)

JOINING_AT_ONCE = 50


class Order(msgspec.Struct):
    """What to do: one client for each token; each waits for so many events of that name."""

    url: str
    room: str
    event: str
    tokens: list[str]
    events: int
    within_s: float


class Heard(msgspec.Struct):
    """What came: an event's instant in ms -> its times of receipt in ns; what should not happen."""

    times_ns: dict[int, list[int]]
    doubled: int
    gaps: int


class _Number(msgspec.Struct):
    """What tells one event from another; see `live`."""

    at_ms: int


_number = msgspec.json.Decoder(_Number)


async def _main(order: Order) -> Heard:
    heard = Heard({}, 0, 0)
    joining = asyncio.Semaphore(JOINING_AT_ONCE)
    joined = asyncio.Barrier(len(order.tokens) + 1)
    tasks = [
        asyncio.ensure_future(_follow(order, token, joining, joined, heard))
        for token in order.tokens
    ]
    await joined.wait()
    print("ready", flush=True)  # noqa: T201 - the protocol with the parent
    done, late = await asyncio.wait(tasks, timeout=order.within_s)
    for task in late:
        task.cancel()
    for task in done:
        task.result()
    return heard


async def _follow(
    order: Order, token: str, joining: asyncio.Semaphore, joined: asyncio.Barrier, heard: Heard
) -> None:
    follower = RoomFollower(order.room)
    await joining.acquire()
    async with connect(order.url, compression=None, open_timeout=60, ping_interval=None) as socket:
        await socket.send(encode(Authenticate(token)).decode())
        await socket.send(encode(follower.subscribe()).decode())
        missing, waiting = order.events, None
        async for frame in socket:
            now_ns = time.monotonic_ns()
            message = decode_from_server(frame)
            if isinstance(message, Subscribed | Resumed):
                follower.joined(message)
                joining.release()
                waiting = asyncio.ensure_future(joined.wait())
            elif isinstance(message, Ping):
                await socket.send(encode(Pong(message.id)).decode())
            elif isinstance(message, RoomEvent):
                missing -= _note(order.event, follower, message, heard, now_ns)
                if not missing:
                    break
    if waiting is not None:
        await waiting


def _note(named: str, follower: RoomFollower, event: RoomEvent, heard: Heard, now_ns: int) -> bool:
    try:
        is_new = follower.is_new(event)
    except SequenceGapError:
        heard.gaps += 1
        return False
    heard.doubled += not is_new
    if not is_new or event.event != named:
        return False
    heard.times_ns.setdefault(_number.decode(event.data).at_ms, []).append(now_ns)
    return True


if __name__ == "__main__":
    order_ = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(_main(order_))).decode())  # noqa: T201
