"""Events into PostgreSQL exactly once, many sites' batches in one transaction.

The group is the unit of commit, the event is the unit of fate: whatever PostgreSQL itself refuses
is found by halving the group, set aside alone, and the rest are stored.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, TypeAlias

import asyncpg
import msgspec

from cloud.devices.database import Connection, Pool, transaction
from cloud.devices.events import DEVICE_EVENT, TOPIC, StoredEvent
from cloud.devices.mqtt.decode import (
    KEY_REUSED,
    NOT_STORABLE,
    BadPayload,
    DecodedBatch,
    GoodEvent,
    split_foreign,
)
from cloud.devices.mqtt.quarantine import Quarantine
from cloud.events.event import Event
from cloud.events.outbox import Outbox
from cloud.kit.clock import Clock

Follower: TypeAlias = Callable[[Connection, Sequence[StoredEvent]], Awaitable[Sequence[Event]]]
"""Writes what follows from new events in their transaction; returns further facts to tell."""

_GATES: Final = "SELECT site, id FROM gates WHERE id = ANY($1::text[])"
_SITES: Final = "SELECT id FROM sites WHERE id = ANY($1::text[])"

_INSERT: Final = """
INSERT INTO device_events
    (device, boot, seq, site, at_ms, heard_ms, clock, kind, data, received_at)
SELECT device, boot, seq, site, at_ms, heard_ms, clock, kind, data, $10
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[],
            $7::text[], $8::text[], $9::jsonb[])
    WITH ORDINALITY AS e (device, boot, seq, site, at_ms, heard_ms, clock, kind, data, place)
ORDER BY place
ON CONFLICT DO NOTHING
RETURNING device, boot, seq
"""

# The same key with another content is not a repetition: a device that lost its boot counter is
# numbering new facts with old keys, and silence would lose them.
_REUSED: Final = """
SELECT e.place
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::jsonb[])
    WITH ORDINALITY AS e (device, boot, seq, at_ms, kind, data, place)
JOIN device_events s USING (device, boot, seq)
WHERE s.kind <> e.kind OR s.at_ms IS DISTINCT FROM e.at_ms OR s.data <> e.data
"""


# Of PostgreSQL: data, integrity, raised by a trigger, check of a view, beyond a limit (a document
# too large for its index).
_POISON_CLASSES: Final = ("22", "23", "P0", "44", "54")


@dataclass
class Outcome:
    """What one group came to."""

    new: list[StoredEvent] = field(default_factory=list)
    quarantined: dict[int, list[BadPayload]] = field(default_factory=dict)
    """Place of the batch in the group -> what of it was set aside."""
    unknown_sites: set[str] = field(default_factory=set)
    doubled: int = 0
    """Events that were stored before."""


class EventStore:
    """Writes groups of batches."""

    def __init__(
        self,
        pool: Pool,
        *,
        outbox: Outbox,
        quarantine: Quarantine,
        clock: Clock,
        followers: Sequence[Follower] = (),
    ) -> None:
        self._pool = pool
        self._followers = followers
        self._outbox = outbox
        self._quarantine = quarantine
        self._clock = clock

    async def store(self, batches: Sequence[DecodedBatch], *, is_patient: bool = False) -> Outcome:
        """Commit a group; when this returns, every event of it is stored or set aside.

        is_patient: only a value that PostgreSQL cannot hold is looked for at once; what else it
            refuses may be good in a moment (a gate that is just being moved), so it is raised.

        Raises:
            asyncpg.PostgresError, OSError: the database cannot at the moment; nothing is stored.
        """
        try:
            outcome = await self._store(batches)
        except asyncpg.PostgresError as error:
            if not is_poison(error) or (is_patient and not isinstance(error, asyncpg.DataError)):
                raise
            outcome = await self._store_by_halves(batches)
        self._outbox.committed()
        return outcome

    async def _store(self, batches: Sequence[DecodedBatch]) -> Outcome:
        outcome = Outcome()
        async with transaction(self._pool) as connection:
            places = await self._admit(connection, batches, outcome)
            await self._store_events(connection, places, outcome)
            facts = self._facts(outcome.new)
            bad = [
                (batches[place].site, payload)
                for place, payloads in outcome.quarantined.items()
                for payload in payloads
            ]
            facts += await self._quarantine.add(connection, bad)
            for follow in self._followers:
                facts += await follow(connection, outcome.new)
            await self._outbox.add_many(connection, facts)
        return outcome

    async def _admit(
        self, connection: Connection, batches: Sequence[DecodedBatch], outcome: Outcome
    ) -> list[tuple[int, str, GoodEvent]]:
        """The events of registered devices as (place of batch, site, event), in order."""
        devices = {event.device for batch in batches for event in batch.events}
        gates: dict[str, set[str]] = {}
        for row in await connection.fetch(_GATES, list(devices)):
            gates.setdefault(row["site"], set()).add(row["id"])
        sites = {batch.site for batch in batches}
        known = {row["id"] for row in await connection.fetch(_SITES, list(sites))}
        outcome.unknown_sites = sites - known
        admitted = []
        for place, batch in enumerate(batches):
            if batch.site not in known:
                continue
            own, foreign = split_foreign(batch.site, batch.events, gates.get(batch.site, ()))
            if batch.bad or foreign:
                outcome.quarantined[place] = [*batch.bad, *foreign]
            admitted += [(place, batch.site, event) for event in own]
        return admitted

    async def _store_events(
        self,
        connection: Connection,
        places: Sequence[tuple[int, str, GoodEvent]],
        outcome: Outcome,
    ) -> None:
        if not places:
            return
        events = [event for _, _, event in places]
        rows = await connection.fetch(
            _INSERT,
            [e.device for e in events],
            [e.boot for e in events],
            [e.seq for e in events],
            [site for _, site, _ in places],
            [e.at_ms for e in events],
            [e.heard_ms for e in events],
            [e.clock for e in events],
            [e.kind for e in events],
            [e.data for e in events],
            self._clock.now(),
        )
        new = {(row["device"], row["boot"], row["seq"]) for row in rows}
        old: list[tuple[int, str, GoodEvent]] = []
        for place in places:
            _, site, event = place
            key = (event.device, event.boot, event.seq)
            if key in new:
                new.discard(key)  # a second copy within the group is a repetition
                outcome.new.append(_stored(site, event))
            else:
                old.append(place)
        reused = await self._reused(connection, [event for _, _, event in old]) if old else set()
        for number, (place_of_batch, _, event) in enumerate(old):
            if number in reused:
                detail = f"Event {event.boot}/{event.seq} of {event.device} is known otherwise."
                bad = BadPayload(event.index, KEY_REUSED, detail, event.raw, event.device)
                outcome.quarantined.setdefault(place_of_batch, []).append(bad)
            else:
                outcome.doubled += 1

    async def _reused(self, connection: Connection, events: Sequence[GoodEvent]) -> set[int]:
        rows = await connection.fetch(
            _REUSED,
            [e.device for e in events],
            [e.boot for e in events],
            [e.seq for e in events],
            [e.at_ms for e in events],
            [e.kind for e in events],
            [e.data for e in events],
        )
        return {row["place"] - 1 for row in rows}

    def _facts(self, new: Sequence[StoredEvent]) -> list[Event]:
        return [
            self._outbox.event(TOPIC, f"device:{event.device}", DEVICE_EVENT, event)
            for event in new
        ]

    async def _store_by_halves(self, batches: Sequence[DecodedBatch]) -> Outcome:
        """PostgreSQL refused a value of this group: find it, set it aside, store the rest."""
        outcome = Outcome()
        for place, batch in enumerate(batches):
            await self._store_part(place, batch, batch.events, batch.bad, outcome)
        return outcome

    async def _store_part(
        self,
        place: int,
        batch: DecodedBatch,
        events: list[GoodEvent],
        bad: list[BadPayload],
        outcome: Outcome,
    ) -> None:
        part = DecodedBatch(batch.site, batch.batch, events, bad)
        try:
            found = await self._store([part])
        except asyncpg.PostgresError as error:
            if not is_poison(error):
                raise
            if len(events) > 1:
                middle = len(events) // 2
                # Oldest first, so that the order of a device survives the search.
                await self._store_part(place, batch, events[:middle], bad, outcome)
                await self._store_part(place, batch, events[middle:], [], outcome)
                return
            if not events:
                raise
            event = events[0]
            refused = BadPayload(event.index, NOT_STORABLE, str(error), event.raw, event.device)
            found = await self._store([DecodedBatch(batch.site, batch.batch, [], [*bad, refused])])
        outcome.new += found.new
        outcome.doubled += found.doubled
        outcome.unknown_sites |= found.unknown_sites
        outcome.quarantined.setdefault(place, []).extend(
            chain.from_iterable(found.quarantined.values())
        )


def is_poison(error: asyncpg.PostgresError) -> bool:
    """Whether it is what was sent that the database refuses, and would refuse for ever.

    Everything else is an outage and is waited out, also what is wrong with the database itself: a
    missing table or a right withdrawn is mended by a person, and no event is to blame for it.
    """
    return (error.sqlstate or "").startswith(_POISON_CLASSES)


def _stored(site: str, event: GoodEvent) -> StoredEvent:
    return StoredEvent(
        site=site,
        device=event.device,
        boot=event.boot,
        seq=event.seq,
        at_ms=event.at_ms,
        heard_ms=event.heard_ms,
        clock=event.clock,
        kind=event.kind,
        data=msgspec.Raw(event.data.encode()),
    )
