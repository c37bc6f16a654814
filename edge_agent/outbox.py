"""Events on their way to the cloud: durable until the cloud says it has them, sent in order.

An event keeps the key it was born with (device, boot, seq); sent twice it is the same event. The
number of a batch is the id of its last row, so an ack can never cover more than was sent.
"""

import asyncio
import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edge_agent.clock import TrustedClock
from edge_agent.store import Store, get_meta, set_meta
from protocols.portable import version
from protocols.site import Event, EventBatch

BATCH_EVENTS_MAX: Final = 500
BATCH_BYTES_MAX: Final = 200 * 1024
"""Below the payload limit of a broker that is set tighter than the protocol's 512 KiB."""

_INSERT: Final = "INSERT INTO outbox (heard_ms, event) VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events as they lie in the outbox, oldest first, and the number their ack will name."""

    number: int
    events: list[bytes]

    def payload(self) -> bytes:
        """The message `up/events`."""
        raws = [msgspec.Raw(event) for event in self.events]
        return msgspec.json.encode(EventBatch(v=version.VERSION, batch=self.number, events=raws))


class Outbox:
    """The queue to the cloud, and the agent's own voice in it.

    depth: events held; `filled` is set whenever one was added.
    """

    def __init__(
        self, store: Store, clock: TrustedClock, *, device: str, depth_max: int = 1_000_000
    ) -> None:
        self._store = store
        self._clock = clock
        self._device = device
        self._depth_max = depth_max
        self._seq = 0
        self.filled = asyncio.Event()
        self.left_out = 0
        self.boot, self.depth = store.read_now(lambda c: _start(c, clock.now_ms()))

    def append(self, connection: sqlite3.Connection, event: Event) -> None:
        """Add one event within the transaction of `connection`; call `added` once committed."""
        connection.execute(_INSERT, (event.heard_ms, msgspec.json.encode(event)))

    def added(self, count: int = 1) -> None:
        """So many appended events are committed."""
        self.depth += count
        self.filled.set()

    def report(self, kind: str, data: dict[str, Any]) -> None:
        """An event of the agent itself; diagnostics are left out when the outbox is over full.

        It is queued at once, so what the caller posts to the store next commits after it.
        """
        if self.depth >= self._depth_max:
            self.left_out += 1
            return
        now_ms = self._clock.now_ms()
        event = Event(
            device=self._device,
            boot=self.boot,
            seq=self._seq,
            at_ms=self._clock.known_ms(),
            heard_ms=now_ms,
            clock=self._clock.quality(),
            kind=kind,
            data=data,
        )
        self._seq += 1
        self._store.post(lambda connection: self.append(connection, event)).add_done_callback(
            self._settle
        )

    async def next_batch(self, bytes_max: int = BATCH_BYTES_MAX) -> Batch | None:
        """The oldest events, as many as fit; None when there are none."""
        self.filled.clear()
        return await self._store.run(lambda connection: _read_batch(connection, bytes_max))

    async def forget(self, number: int) -> None:
        """The cloud has everything up to this batch."""
        gone = await self._store.run(
            lambda c: c.execute("DELETE FROM outbox WHERE id <= ?", (number,)).rowcount
        )
        self.depth -= gone

    async def oldest_ms(self) -> int | None:
        """When the oldest event was heard; None when there is none."""
        row = await self._store.run(
            lambda c: c.execute("SELECT heard_ms FROM outbox ORDER BY id LIMIT 1").fetchone()
        )
        return None if row is None else int(row[0])

    def _settle(self, future: asyncio.Future[None]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.added()


def _start(connection: sqlite3.Connection, now_ms: int) -> tuple[int, int]:
    """A new boot number and the depth.

    Both numbers that must never repeat start from the time, so that they do not even when the
    database was lost.
    """
    connection.execute("BEGIN IMMEDIATE")
    last = get_meta(connection, "boot")
    boot: int = max(now_ms // 1000, 0 if last is None else last + 1)
    set_meta(connection, "boot", boot)
    (depth,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    if connection.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'outbox'").fetchone() is None:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('outbox', ?)", (now_ms,))
    connection.execute("COMMIT")
    return boot, depth


def _read_batch(connection: sqlite3.Connection, bytes_max: int) -> Batch | None:
    rows = connection.execute(
        "SELECT id, event FROM outbox ORDER BY id LIMIT ?", (BATCH_EVENTS_MAX,)
    )
    number, size = 0, 0
    events: list[bytes] = []
    for row_id, event in rows:
        size += len(event) + 1
        if events and size > bytes_max:
            break
        events.append(event)
        number = row_id
    return Batch(number, events) if events else None
