"""Passages as they are stored and found again, each with the decision that admitted its car.

Bare SQL on the session's own connection, in as few statements as can be: this runs for every car
of every lane, and a statement through the mapper costs a millisecond of the process's time.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from cloud.kit.database import AsyncSession, bare
from cloud.parking.stays import rules
from protocols.portable import codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(rules.Passage):
    """One car through a lane, as `tables.PassageRow` keeps it."""

    site: str
    lot: str
    lane: str
    kind: str
    tap: int | None = None
    access_id: UUID | None = None
    tag_key: str | None = None


class Grant(NamedTuple):
    """What counts later of the decision that let a car in or out."""

    id: UUID
    tag_key: str | None
    tag_id: UUID | None
    user_id: UUID | None
    booking_id: UUID | None
    right_kind: int | None
    reason: str


class Around(NamedTuple):
    """The passages of the same card at the same lot right before and right after one."""

    before: Passage | None
    after: Passage | None


class Added(NamedTuple):
    """A passage that is stored now, and what it has to be paired with."""

    passage: Passage
    grant: Grant | None
    around: Around


_COLUMNS: Final = (
    "id, device, boot, seq, site, lot, lane, direction, at, tap, kind, access_id, tag_key"
)
_GRANT: Final = "id, tag_key, tag_id, user_id, booking_id, right_kind, reason"
_OF_PASSAGE: Final = _COLUMNS.split(", ")
_OF_GRANT: Final = _GRANT.split(", ")

# $1 lot, $2 at, $3 device, $4 boot, $5 seq, $6 the card
_NEAR: Final = f"""
    (SELECT false AS is_after, {_COLUMNS} FROM passages
     WHERE lot = $1 AND tag_key = $6 AND at <= $2 AND (at, device, boot, seq) < ($2, $3, $4, $5)
     ORDER BY at DESC, device DESC, boot DESC, seq DESC LIMIT 1)
    UNION ALL
    (SELECT true, {_COLUMNS} FROM passages
     WHERE lot = $1 AND tag_key = $6 AND at >= $2 AND (at, device, boot, seq) > ($2, $3, $4, $5)
     ORDER BY at, device, boot, seq LIMIT 1)
"""  # noqa: S608 - our own column names

# What the tables hold before this statement; the new row is not among them.
_ADD: Final = f"""
WITH granted AS (
    SELECT {_GRANT} FROM access_logs
    WHERE $11 AND device = $3 AND boot = $4 AND tap = $10 AND is_admitted
    ORDER BY seq DESC LIMIT 1
), card AS (
    SELECT coalesce((SELECT tag_key FROM granted), $6) AS tag_key
), added AS (
    INSERT INTO passages ({_COLUMNS})
    SELECT $7, $3, $4, $5, $8, $1, $9, $12, $2, $10, $13, (SELECT id FROM granted), tag_key
    FROM card
    ON CONFLICT DO NOTHING RETURNING id
), near AS (
    SELECT found.* FROM card CROSS JOIN LATERAL ({_NEAR.replace("$6", "card.tag_key")}) AS found
)
SELECT EXISTS (SELECT FROM added) AS is_new, card.tag_key AS card,
    {", ".join(f"granted.{name} AS granted_{name}" for name in _OF_GRANT)},
    near.is_after, {", ".join(f"near.{name}" for name in _OF_PASSAGE)}
FROM card LEFT JOIN granted ON true LEFT JOIN near ON true
"""  # noqa: S608 - our own column names

_MEET: Final = f"""
UPDATE passages SET access_id = $4, tag_key = $5
WHERE id = (
    SELECT id FROM passages
    WHERE device = $1 AND boot = $2 AND tap = $3 AND kind = '{codes.PASSAGE}' AND access_id IS NULL
    LIMIT 1
)
RETURNING {_COLUMNS}
"""  # noqa: S608 - our own column names


class Passages:
    """Passages, within one session; the lot is locked by whoever calls."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._grants: dict[UUID, Grant] = {}

    async def add(self, passage: Passage) -> Added | None:
        """Store a passage, with the decision of its tap if that was heard of; None: it was."""
        connection = await bare(self._session)
        rows = await connection.fetch(
            _ADD,
            passage.lot,
            passage.at,
            passage.device,
            passage.boot,
            passage.seq,
            passage.tag_key,
            passage.id,
            passage.site,
            passage.lane,
            passage.tap,
            passage.kind == codes.PASSAGE and passage.tap is not None,
            passage.direction,
            passage.kind,
        )
        first = rows[0]
        if not first["is_new"]:
            return None
        grant = None
        if first["granted_id"] is not None:
            grant = Grant(*[first[f"granted_{name}"] for name in _OF_GRANT])
            self._grants[grant.id] = grant
        stored = replace(passage, access_id=grant.id if grant else None, tag_key=first["card"])
        return Added(stored, grant, _around(rows))

    async def around(self, passage: Passage) -> Around:
        """Its neighbours in time."""
        connection = await bare(self._session)
        key = (passage.lot, passage.at, passage.device, passage.boot, passage.seq, passage.tag_key)
        return _around(await connection.fetch(_NEAR, *key))

    async def meet(
        self, device: str, boot: int, tap: int, *, access_id: UUID, tag_key: str
    ) -> Passage | None:
        """The passage of a tap, heard of before its decision; from now on it has that."""
        connection = await bare(self._session)
        row = await connection.fetchrow(_MEET, device, boot, tap, access_id, tag_key)
        return None if row is None else _passage(row)

    async def grant(self, access_id: UUID | None) -> Grant | None:
        """The decision of this id."""
        if access_id is None:
            return None
        if access_id not in self._grants:
            connection = await bare(self._session)
            query = f"SELECT {_GRANT} FROM access_logs WHERE id = $1"  # noqa: S608 - our names
            row = await connection.fetchrow(query, access_id)
            if row is None:
                return None
            self._grants[access_id] = Grant(*row.values())
        return self._grants[access_id]


def _around(rows: list[Any]) -> Around:
    before = after = None
    for row in rows:
        if row["is_after"] is None:
            continue
        if row["is_after"]:
            after = _passage(row)
        else:
            before = _passage(row)
    return Around(before, after)


def _passage(row: Any) -> Passage:  # noqa: ANN401 - asyncpg's rows are typed by nothing
    return Passage(**{name: row[name] for name in _OF_PASSAGE})
