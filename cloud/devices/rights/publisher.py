"""Turns wishes into versions, and brings a site to the current one by deltas or the whole list.

Only the process that holds the broker link runs this, one site at a time per task; should two
processes ever believe they hold it, the key (site, version) lets one of them make a version.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cloud.devices.database import Connection, Pool, transaction
from cloud.devices.rights.rules import (
    DELTA_ENTRIES_MAX,
    VERSIONS_KEPT,
    Delta,
    Head,
    effective,
    next_head,
    parts_of,
)
from cloud.kit.clock import Clock, to_ms
from protocols.rights_hash import EMPTY
from protocols.site import Right, RightsList

WISHES_MAX: Final = 20_000
"""In one version; more become the next one. It bounds memory and the length of a transaction."""
LIFETIME_MS: Final = 30 * 86_400_000
"""Within which a list must arrive to be taken; how old one may grow in use is the lots' policy."""

_HEAD: Final = """
SELECT version, hash, count FROM site_rights_versions
WHERE site = $1 ORDER BY version DESC LIMIT 1
"""
_TAKE: Final = """
DELETE FROM site_rights_pending p
USING (SELECT site, id FROM site_rights_pending WHERE site = $1
       ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED) taken
WHERE p.site = taken.site AND p.id = taken.id
RETURNING p.id, p.removed, p.tag, p.lot, p.flags, p.from_s, p.until_s
"""
_BEFORE: Final = """
SELECT id, tag, lot, flags, from_s, until_s FROM site_rights
WHERE site = $1 AND id = ANY($2::text[])
"""
_ALL: Final = """
SELECT id, tag, lot, flags, from_s, until_s FROM site_rights WHERE site = $1 ORDER BY id
"""
_REMOVE: Final = "DELETE FROM site_rights WHERE site = $1 AND id = ANY($2::text[])"
_PUT: Final = """
INSERT INTO site_rights (site, id, tag, lot, flags, from_s, until_s)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[],
                         $7::bigint[])
ON CONFLICT (site, id) DO UPDATE SET
    tag = excluded.tag, lot = excluded.lot, flags = excluded.flags,
    from_s = excluded.from_s, until_s = excluded.until_s
"""
_VERSION: Final = """
INSERT INTO site_rights_versions (site, version, hash, count, issued_at, delta)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_FORGET: Final = "DELETE FROM site_rights_versions WHERE site = $1 AND version <= $2"
_DELTAS: Final = """
SELECT version, hash, delta FROM site_rights_versions
WHERE site = $1 AND version > $2 ORDER BY version
"""


@dataclass(frozen=True)
class Published:
    """A new version. `message` is None when it has to travel as a full list."""

    head: Head
    message: RightsList | None
    more: bool
    """Whether wishes were left for the next version."""


class RightsPublisher:
    """Makes versions and the messages that carry them; sealing and sending are the link's."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def head(self, site: str) -> Head:
        """The current version; 0 for a site without any."""
        async with self._pool.acquire() as connection:
            return _head(await connection.fetchrow(_HEAD, site))

    async def publish(self, site: str, *, refresh: bool = False) -> Published | None:
        """Make one version of the wishes that wait; None when they change nothing.

        refresh: make one even so, to say that the list is still good.
        """
        async with transaction(self._pool) as connection:
            head = _head(await connection.fetchrow(_HEAD, site))
            rows = await connection.fetch(_TAKE, site, WISHES_MAX)
            wishes = {row["id"]: None if row["removed"] else _right(row) for row in rows}
            before_rows = await connection.fetch(_BEFORE, site, list(wishes))
            before = {row["id"]: _right(row) for row in before_rows}
            delta = effective(before, wishes)
            if not delta.entries and not delta.removed and not refresh:
                return None
            # 20,000 hashes take 60 ms, which the loop would notice.
            after = await asyncio.to_thread(next_head, head, before, delta)
            await self._write(connection, site, after, delta)
        message = self._delta_message(site, after.version, after.hash, delta)
        is_small = len(delta.entries) + len(delta.removed) <= DELTA_ENTRIES_MAX
        return Published(after, message if is_small else None, more=len(rows) == WISHES_MAX)

    async def jump(self, site: str, above: int) -> None:
        """Number the list above a version that the site has and we do not know.

        It happens when the cloud was restored from a backup that is older than the site's list.
        """
        async with transaction(self._pool) as connection:
            head = _head(await connection.fetchrow(_HEAD, site))
            if head.version <= above:
                await connection.execute(
                    _VERSION, site, above + 1, head.hash, head.count, self._clock.now(), None
                )

    async def deltas(self, site: str, after: int) -> list[RightsList]:
        """The lists that lead from a version to the current one; empty if one is not kept."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_DELTAS, site, after)
        if not rows or rows[0]["version"] != after + 1:
            return []
        lists = []
        for row in rows:
            if row["delta"] is None:
                return []
            delta = msgspec.json.decode(row["delta"], type=Delta)
            lists.append(self._delta_message(site, row["version"], row["hash"], delta))
        return lists

    async def full(self, site: str) -> Iterator[RightsList]:
        """The whole current list, in parts made one at a time, as 100,000 rights take 0.3 s."""
        async with transaction(self._pool, "repeatable_read") as connection:
            head = _head(await connection.fetchrow(_HEAD, site))
            rows = await connection.fetch(_ALL, site)
        return self._parts(site, head, rows)

    def _parts(self, site: str, head: Head, rows: Sequence[Any]) -> Iterator[RightsList]:
        parts = parts_of(rows)
        now_ms = self._clock.now_ms()
        for number, part in enumerate(parts):
            yield RightsList(
                site=site,
                version=head.version,
                base_version=None,
                issued_at_ms=now_ms,
                expires_at_ms=now_ms + LIFETIME_MS,
                part=number,
                parts=len(parts),
                entries=[_right(row) for row in part],
                hash=head.hash,
            )

    async def sites_with_wishes(self) -> list[str]:
        """Sites for which something waits."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch("SELECT DISTINCT site FROM site_rights_pending")
        return [row["site"] for row in rows]

    async def issued_at_ms(self, site: str) -> int | None:
        """When the current version was made; None when there is none."""
        async with self._pool.acquire() as connection:
            issued_at = await connection.fetchval(
                "SELECT max(issued_at) FROM site_rights_versions WHERE site = $1", site
            )
        return None if issued_at is None else to_ms(issued_at)

    async def _write(self, connection: Connection, site: str, head: Head, delta: Delta) -> None:
        await connection.execute(_REMOVE, site, delta.removed)
        await connection.execute(_PUT, site, *_columns(delta.entries))
        is_small = len(delta.entries) + len(delta.removed) <= DELTA_ENTRIES_MAX
        text = msgspec.json.encode(delta).decode() if is_small else None
        now = self._clock.now()
        await connection.execute(_VERSION, site, head.version, head.hash, head.count, now, text)
        await connection.execute(_FORGET, site, head.version - VERSIONS_KEPT)

    def _delta_message(self, site: str, version: int, hash_: str, delta: Delta) -> RightsList:
        now_ms = self._clock.now_ms()
        return RightsList(
            site=site,
            version=version,
            base_version=version - 1,
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + LIFETIME_MS,
            entries=delta.entries,
            removed=delta.removed,
            hash=hash_,
        )


def _head(row: Any) -> Head:  # noqa: ANN401 - an asyncpg.Record or None
    return Head(0, EMPTY, 0) if row is None else Head(row["version"], row["hash"], row["count"])


def _right(row: Any) -> Right:  # noqa: ANN401 - an asyncpg.Record
    return Right(
        id=row["id"],
        tag=row["tag"],
        lot=row["lot"],
        flags=row["flags"],
        from_s=row["from_s"],
        until_s=row["until_s"],
    )


def _columns(rights: Sequence[Right]) -> list[list[Any]]:
    return [
        [getattr(right, name) for right in rights]
        for name in ("id", "tag", "lot", "flags", "from_s", "until_s")
    ]
