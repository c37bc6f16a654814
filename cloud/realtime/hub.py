"""The rooms of one process: publishing to them, hearing the others, letting members in.

Every process with clients in a room listens to that room's channel. Announcements can get lost (a
connection to Redis breaks), so each start of listening, each gap and a regular look at Redis lead
to the same thing: read the history after our place and deliver it; if it does not reach back that
far, give every member a new snapshot.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog
from redis.asyncio.client import PubSub

from cloud.events.cancelled import end_if_cancelled
from cloud.events.retry import retry_delay_s
from cloud.kit.clock import Clock
from cloud.kit.errors import UnavailableError
from cloud.kit.redis import Redis, RedisError
from cloud.realtime import metrics
from cloud.realtime.history import Reading, RoomHistory, channel_of
from cloud.realtime.local_room import LocalRoom, Member, TakenSnapshot
from cloud.realtime.rooms import Room, Rooms
from protocols.realtime import EVENT_NAME_PATTERN, Code, event_frame_parts

log = structlog.get_logger()

JOIN_WITHIN_S: Final = 5.0
LOOK_EVERY_S: Final = 3.0
IDLE_ROOM_KEPT_S: Final = 60.0
"""Longer than any joining can take, so that nobody is let into a room that is forgotten."""
SNAPSHOT_GOOD_S: Final = 1.0
"""So many clients that come at once (a restart) share one snapshot; events after it follow it."""
SNAPSHOT_TRIES: Final = 3
_ALIVE_CHANNEL: Final = "curb:rooms"


class Hub:
    """Publish with it from any process; its `run` must run where there are clients.

    redis: for publishing and reading.
    listening: a client of its own for announcements, which must not reconnect by itself: what was
        announced meanwhile would be missed without a word.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        listening: Redis,
        rooms: Rooms,
        clock: Clock,
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.rooms = rooms
        self._listening = listening
        self._clock = clock
        self._draw = draw
        self._sleep = sleep
        self._history = RoomHistory(redis)
        self._local: dict[str, LocalRoom] = {}
        self._by_channel: dict[bytes, LocalRoom] = {}
        self._channels: PubSub | None = None
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._snapshots: dict[str, asyncio.Task[TakenSnapshot]] = {}

    async def publish(
        self, room: str, event: str, data: object, *, at_ms: int | None = None, key: str = ""
    ) -> int:
        """Tell everybody in the room, in every process; gives the room's last number.

        room: its name within the cloud: `lot:elm`, `user:{id}`.
        data: anything msgspec writes as JSON; what *is*, never a difference.
        at_ms: when it happened; the clock's time if not given.
        key: the same one given again tells nobody twice: the id of the event that led to this.

        Raises:
            UnknownRoomError: no such kind of room.
            ValueError: the event's name is not lower-case words, dots and digits.
            RedisError, OSError: Redis is away; nobody was told, or call again with the same key.
        """
        found = self.rooms.find(room)
        if not EVENT_NAME_PATTERN.fullmatch(event):
            raise ValueError(f"{event!r} is not the name of an event.")
        raw = data if isinstance(data, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(data))
        parts = event_frame_parts(
            room=found.wire_name,
            event=event,
            at_ms=self._clock.now_ms() if at_ms is None else at_ms,
            data=raw,
        )
        metrics.PUBLISHED.labels(found.kind.name).inc()
        return await self._history.append(found.name, parts, key=key)

    async def join(
        self, member: Member, room: Room, *, epoch: str | None = None, after: int | None = None
    ) -> None:
        """Let a member in: what it missed after that place, or a snapshot; then all that is new.

        Raises:
            UnavailableError: Redis or the snapshot's source is away; the client should try again.
        """
        local = await self._listen_to(room)
        if after is not None and epoch == local.epoch:
            if after > local.seq:
                await self._catch_up(local)  # The client heard more elsewhere than we have yet.
            if local.can_resume(epoch, after):
                local.resume(member, after)
                return
            reading = await self._read(local, epoch, after)
            if local.resume_from(member, after, reading):
                return
        local.join(member, await self._usable_snapshot(local))

    def leave(self, member: Member, room: Room) -> None:
        """Send the member nothing of this room any more."""
        local = self._local.get(room.name)
        if local is not None:
            local.leave(member)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen_for_ever(), name="rooms-listen")
            tasks.create_task(self._look_for_ever(), name="rooms-look")

    async def _listen_for_ever(self) -> None:
        failures = 0
        while True:
            end_if_cancelled()
            channels = self._listening.pubsub()
            try:
                await channels.subscribe(_ALIVE_CHANNEL, *map(channel_of, self._local))
                self._channels = channels
                # Rooms that were added while the line above waited:
                if self._local:
                    await channels.subscribe(*map(channel_of, self._local))
                if failures:
                    log.info("rooms_hear_again", after_failures=failures)
                failures = 0
                await self._hear(channels)
            except (RedisError, OSError) as error:
                failures += 1
                if failures == 1:
                    log.warning("rooms_hear_nothing", error=repr(error))
            finally:
                self._channels = None
                await channels.aclose()  # type: ignore[no-untyped-call]  # redis-py has no types here
            await self._sleep(retry_delay_s(max(1, failures), self._draw()))

    async def _hear(self, channels: PubSub) -> None:
        while True:
            end_if_cancelled()
            message = await channels.get_message(timeout=None)
            if message is None:
                continue
            local = self._by_channel.get(message["channel"])
            if local is None:
                continue
            if message["type"] == "subscribe":
                self._catch_up_soon(local)
            elif message["type"] == "message":
                epoch, seq, frame = message["data"].decode().split(" ", 2)
                if not local.take(epoch, int(seq), frame):
                    self._catch_up_soon(local)

    async def _listen_to(self, room: Room) -> LocalRoom:
        """The room here, with a known place and an open ear."""
        local = self._local.get(room.name)
        try:
            if local is None:
                local = self._local[room.name] = LocalRoom(room)
                self._by_channel[channel_of(room.name).encode()] = local
                metrics.LOCAL_ROOMS.set(len(self._local))
                if self._channels is not None:
                    await self._channels.subscribe(channel_of(room.name))
            async with asyncio.timeout(JOIN_WITHIN_S):
                await local.is_known.wait()
        except (TimeoutError, RedisError, OSError) as error:
            raise UnavailableError("Live updates are away; try again in a moment.") from error
        return local

    async def _read(self, local: LocalRoom, epoch: str, after: int) -> Reading:
        try:
            return await self._history.read(local.room.name, epoch=epoch, after=after)
        except (RedisError, OSError) as error:
            raise UnavailableError("Live updates are away; try again in a moment.") from error

    def _catch_up_soon(self, local: LocalRoom) -> None:
        """Read history beside the hearing; one reading per room at a time, one more if asked."""
        name = local.room.name
        running = self._jobs.get(name)
        if running is not None and not running.done():
            local.must_look_again = True
            return
        self._jobs[name] = asyncio.get_running_loop().create_task(
            self._catch_up_while_asked(local), name=f"catch-up-{name}"
        )

    async def _catch_up_while_asked(self, local: LocalRoom) -> None:
        local.must_look_again = True
        while local.must_look_again:
            local.must_look_again = False
            try:
                await self._catch_up(local)
            except UnavailableError:
                return  # Listening anew, or the next look, leads here again.

    async def _catch_up(self, local: LocalRoom) -> None:
        metrics.RESYNCED.inc()
        reading = await self._read(local, local.epoch, local.seq)
        reaches_back = local.catch_up(reading)
        local.is_known.set()
        if not reaches_back and local.members:
            await self._start_members_anew(local)

    async def _start_members_anew(self, local: LocalRoom) -> None:
        """History broke: what members know and what comes now do not join; a snapshot does."""
        metrics.RESET.inc()
        local.waiting |= local.members
        local.members.clear()
        log.info("room_starts_anew", room=local.room.name, members=len(local.waiting))
        try:
            snapshot = await self._usable_snapshot(local)
        except UnavailableError as error:
            for member in tuple(local.waiting):
                member.drop(Code.UNAVAILABLE, error.message)
        else:
            for member in tuple(local.waiting):
                local.join(member, snapshot)
        finally:
            local.waiting.clear()

    async def _usable_snapshot(self, local: LocalRoom) -> TakenSnapshot:
        """A snapshot that every later event can follow; nothing may be awaited before its use."""
        for _ in range(SNAPSHOT_TRIES):
            snapshot = await self._snapshot(local)
            if local.is_usable(snapshot):
                return snapshot
        raise UnavailableError(f"{local.room.wire_name} changes too fast just now; try again.")

    async def _snapshot(self, local: LocalRoom) -> TakenSnapshot:
        """A fresh one, or the one that others got a moment ago or are waiting for."""
        now_s = asyncio.get_running_loop().time()
        last = local.snapshot
        if last and local.is_usable(last) and now_s - last.taken_at_s < SNAPSHOT_GOOD_S:
            return last
        name = local.room.name
        task = self._snapshots.get(name)
        if task is None:
            task = asyncio.ensure_future(self._take_snapshot(local))
            self._snapshots[name] = task
            task.add_done_callback(lambda _: self._snapshots.pop(name, None))
        # One who gives up must not take the snapshot away from those who wait with them.
        return await asyncio.shield(task)

    async def _take_snapshot(self, local: LocalRoom) -> TakenSnapshot:
        # The place first: what is known up to here is in the database by now, so in the snapshot.
        epoch, seq, now_s = local.epoch, local.seq, asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(JOIN_WITHIN_S):
                state = await local.room.kind.snapshot(local.room.key)
        except Exception as error:
            log.exception("snapshot_failed", room=local.room.name)
            raise UnavailableError(
                f"The state of {local.room.wire_name} cannot be read now; try again."
            ) from error
        data = msgspec.Raw(msgspec.json.encode(state))
        local.snapshot = TakenSnapshot(epoch, seq, data, now_s)
        return local.snapshot

    async def _look_for_ever(self) -> None:
        """Compare with Redis now and then: an announcement that got lost shows nowhere else."""
        while True:
            end_if_cancelled()
            await self._sleep(LOOK_EVERY_S)
            try:
                await self._forget_idle_rooms()
                await self._look()
            except (RedisError, OSError) as error:
                log.debug("rooms_look_failed", error=repr(error))

    async def _look(self) -> None:
        rooms = list(self._local.values())
        places = await self._history.places([local.room.name for local in rooms]) if rooms else []
        for local, (epoch, seq) in zip(rooms, places, strict=True):
            if epoch != local.epoch or seq > local.seq:
                self._catch_up_soon(local)

    async def _forget_idle_rooms(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for name, local in list(self._local.items()):
            if local.members or local.waiting:
                local.idle_since_s = None
                continue
            if local.idle_since_s is None:  # nobody came in: the joining failed, or is under way
                local.idle_since_s = now_s
            if now_s - local.idle_since_s < IDLE_ROOM_KEPT_S:
                continue
            del self._local[name], self._by_channel[channel_of(name).encode()]
            self._jobs.pop(name, None)
            if self._channels is not None:
                await self._channels.unsubscribe(channel_of(name))
        metrics.LOCAL_ROOMS.set(len(self._local))
