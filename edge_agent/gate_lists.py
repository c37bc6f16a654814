"""The list each gate keeps for when nobody answers: its lane's rights, packed, offered, pulled.

A gate has room for few, so the site chooses: staff, blocked cards, then bookings soonest first,
then permits, then cards that are merely known. Changes are gathered for a while, since a list goes
over the wire whole.
"""

import asyncio
import hashlib
import sqlite3
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import structlog

from edge_agent.access import Lane
from edge_agent.clock import TrustedClock
from edge_agent.issuer import Issuer
from edge_agent.picture import Picture
from edge_agent.rights import ListState
from edge_agent.store import Store, StoreError
from protocols.gate import LIST_PART_HEADER, Desired
from protocols.portable import access, codes, packed_list, version

log = structlog.get_logger()

Row: TypeAlias = tuple[str, int, int, int]

LOOK_EVERY_S: Final = 60.0
"""Even without a change the soonest bookings become others as time goes by."""

_CHOOSE: Final = f"""
SELECT tag, flags, from_s, until_s FROM rights
WHERE lot = ? AND (flags & ? OR flags & {access.FLAG_BLOCKED})
  AND (until_s > ? OR flags & {access.FLAG_BLOCKED})
ORDER BY CASE
    WHEN flags & {access.FLAG_BLOCKED} THEN 1
    WHEN flags & {access.KIND_MASK} = {codes.STAFF} THEN 0
    WHEN flags & {access.KIND_MASK} = {codes.BOOKING} THEN 2
    WHEN flags & {access.KIND_MASK} = {codes.PERMIT} THEN 3
    ELSE 4 END, from_s, id
LIMIT ?
"""  # noqa: S608 - numbers of our own


def choose(connection: sqlite3.Connection, lane: Lane, now_s: int, entries_max: int) -> list[Row]:
    """The rights a lane's gate gets, at most so many, the most useful ones."""
    way = access.FLAG_ENTRY if lane.direction == codes.ENTRY else access.FLAG_EXIT
    return connection.execute(_CHOOSE, (lane.lot, way, now_s, entries_max)).fetchall()


@dataclass(frozen=True)
class Offer:
    """A gate's list as it stands ready to be pulled.

    content: says whether another list would differ in more than its dates.
    """

    content: str
    data: bytes
    packed: packed_list.PackedList

    @property
    def parts(self) -> int:
        """In how many messages it travels."""
        return -(-len(self.data) // version.LIST_PART_BYTES_MAX)

    def announcement(self) -> Desired:
        """The message `down/desired`."""
        return Desired(
            v=version.VERSION,
            list_version=self.packed.version,
            list_parts=self.parts,
            list_bytes=len(self.data),
            list_hash=self.packed.hash,
        )

    def part(self, list_version: int, number: int) -> bytes | None:
        """The message `down/list/{number}`; None if that is not a part of this list."""
        if list_version != self.packed.version or not 0 <= number < self.parts:
            return None
        start = number * version.LIST_PART_BYTES_MAX
        header = struct.pack(LIST_PART_HEADER, list_version, number, self.parts)
        return header + self.data[start : start + version.LIST_PART_BYTES_MAX]


class GateLists:
    """The offers of all gates; `run_forever` renews them.

    publish: called with a gate's id whenever its offer is new.
    """

    def __init__(
        self,
        store: Store,
        clock: TrustedClock,
        issuer: Issuer,
        *,
        entries_max: int,
        gather_s: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._issuer = issuer
        self._entries_max = entries_max
        self._gather_s = gather_s
        self._changed = asyncio.Event()
        self._offers: dict[str, Offer] = {}
        for gate, content, data in store.read_now(
            lambda c: c.execute("SELECT gate, content, list FROM gate_lists").fetchall()
        ):
            packed = packed_list.PackedList(data, issuer.key(gate))
            self._offers[gate] = Offer(content, data, packed)

    def offer(self, gate: str) -> Offer | None:
        """What a gate may pull; None before the first list was made."""
        return self._offers.get(gate)

    def change(self) -> None:
        """Rights or lanes have changed."""
        self._changed.set()

    async def run_forever(
        self,
        situation: Callable[[], tuple[Picture, ListState]],
        publish: Callable[[str], Awaitable[None]],
    ) -> None:
        """Make lists anew after changes, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            picture, state = situation()
            try:
                for gate in await self._renew(picture, state):
                    await publish(gate)
            except (StoreError, sqlite3.Error) as error:
                # Gates keep the list they have; the next round tries again.
                log.warning("gate_lists_not_made", why=str(error))
            # A large site must not spend its days making lists.
            await asyncio.sleep(max(self._gather_s, 10 * (loop.time() - began)))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            self._changed.clear()

    async def _renew(self, picture: Picture, state: ListState) -> list[str]:
        if state.version == 0:
            return []
        now_s = self._clock.now_ms() // 1000
        lanes = list(picture.lanes.values())
        chosen = await asyncio.to_thread(self._choose_all, lanes, now_s)
        renewed = []
        for lane, rows in zip(lanes, chosen, strict=True):
            offer = self._renewed(lane, rows, state, now_s)
            if offer is None:
                continue
            self._offers[lane.gate] = offer
            renewed.append(lane.gate)
            await self._store.run(partial(_keep, gate=lane.gate, offer=offer))
        return renewed

    def _choose_all(self, lanes: Sequence[Lane], now_s: int) -> list[list[Row]]:
        # A reader of its own: the store's connection has commits to make meanwhile.
        found: dict[tuple[str, int], list[Row]] = {}
        with closing(sqlite3.connect(f"file:{self._store.path}?mode=ro", uri=True)) as connection:
            for lane in lanes:
                key = (lane.lot, lane.direction)
                if key not in found:
                    found[key] = choose(connection, lane, now_s, self._entries_max)
        return [found[lane.lot, lane.direction] for lane in lanes]

    def _renewed(
        self, lane: Lane, rows: Sequence[Row], state: ListState, now_s: int
    ) -> Offer | None:
        """A new offer, or None while the present one serves."""
        content = _content(lane, rows)
        expires_s = _seconds(state.issued_at_ms + lane.max_age_ms)
        last = self._offers.get(lane.gate)
        if (
            last is not None
            and last.content == content
            and expires_s - last.packed.expires_s < lane.max_age_ms // 4000
        ):
            return None
        # Numbers and dates must rise for the gate to take the list, even if our clock went back.
        number = max(now_s, 1 if last is None else last.packed.version + 1)
        issued_s = max(now_s, 0 if last is None else last.packed.issued_s)
        key = self._issuer.key(lane.gate)
        entries = [(bytes.fromhex(tag), flags, a, b) for tag, flags, a, b in rows]
        data = packed_list.pack(
            number, issued_s, expires_s, lane.direction, lane.lot, lane.policy, entries, key
        )
        return Offer(content, data, packed_list.PackedList(data, key))


def _keep(connection: sqlite3.Connection, gate: str, offer: Offer) -> None:
    connection.execute(
        "INSERT INTO gate_lists VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
        "content = excluded.content, list = excluded.list",
        (gate, offer.content, offer.data),
    )


def _content(lane: Lane, rows: Sequence[Row]) -> str:
    policy = lane.policy
    head = (
        lane.lot,
        lane.direction,
        policy.state,
        policy.walk_ups,
        policy.passback,
        policy.level_min,
        policy.stale,
        lane.max_age_ms,
    )
    return hashlib.sha256(repr((head, sorted(rows))).encode()).hexdigest()


def _seconds(at_ms: int) -> int:
    return min(at_ms // 1000, access.FOREVER_S)
