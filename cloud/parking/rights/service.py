"""Keeps each site's rights in line with tags, bookings and permits, and remembers what was good.

Called in the transaction of whatever changes: the site's list changes if and only if the fact does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from cloud.accounts.user import User
from cloud.devices.rights.service import RightsService as RightsDelivery
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.lots.policy import WalkUps
from cloud.parking.lots.tables import LotRow
from cloud.parking.rights.rules import (
    BookingFacts,
    Changes,
    LotFacts,
    PermitFacts,
    PermitKind,
    TagFacts,
    changes,
    rights_of,
)
from cloud.parking.rights.tables import IssuedRightRow, PermitRow
from cloud.parking.tags.rules import TagState
from protocols.site import Right

Rights = dict[tuple[str, str], Right]

# One tag at a time waits for itself only; computing all waits for everybody.
_LOCK_TAG: Final = text("""
SELECT pg_advisory_xact_lock_shared(hashtextextended('curb.parking.rights', 0)),
       pg_advisory_xact_lock(hashtextextended('curb.parking.rights:' || :tag, 0))
""")
_LOCK_ALL: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('curb.parking.rights', 0))")
_TAGS: Final = "SELECT id, tag_key, state, level FROM rfid_tags"
_BOOKINGS: Final = """
SELECT tag_id, id, lot, lower(during) AS starts_at, upper(during) AS ends_at FROM bookings
WHERE state IN ('confirmed', 'active') AND tag_id IS NOT NULL
"""
_REVOKE: Final = text("""
UPDATE parking_rights SET revoked_at = :now
WHERE site = :site AND right_id = ANY(CAST(:ids AS text[])) AND revoked_at IS NULL
""")
_ISSUE: Final = text("""
INSERT INTO parking_rights
    (id, site, right_id, tag_key, lot, flags, from_s, until_s, issued_at, revoked_at)
SELECT id, :site, right_id, tag_key, lot, flags, from_s, until_s, :now, NULL
FROM unnest(CAST(:id AS uuid[]), CAST(:right_id AS text[]), CAST(:tag_key AS text[]),
            CAST(:lot AS text[]), CAST(:flags AS integer[]), CAST(:from_s AS bigint[]),
            CAST(:until_s AS bigint[]))
    AS r (id, right_id, tag_key, lot, flags, from_s, until_s)
""")

# A list takes a moment to reach a gate; a decision in that moment was right by what it knew.
DELIVERY_GRACE: Final = timedelta(seconds=5)


class RightsComputer:
    """Rights, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        delivery: RightsDelivery,
        *,
        clock: Clock,
        ids: Ids,
        acts: ActRecorder,
    ) -> None:
        self._session = session
        self._delivery = delivery
        self._clock = clock
        self._ids = ids
        self._acts = acts

    async def refresh_tag(self, tag_key: str) -> int:
        """Bring one card's rights in line with what is stored now; how many changed."""
        await self._session.execute(_LOCK_TAG, {"tag": tag_key})
        facts = await self._facts("WHERE tag_key = :tag", {"tag": tag_key})
        return await self._bring_in_line(facts, await self._have(tag_key))

    async def lock_tag_of(self, tag_id: UUID | None) -> None:
        """Keep everybody else from changing this card's rights until the transaction ends."""
        if tag_id is not None:
            await self._session.execute(_LOCK_TAG, {"tag": await self._key_of(tag_id)})

    async def refresh_tag_of(self, tag_id: UUID | None) -> int:
        """The same by the card's id; None is no card and changes nothing."""
        if tag_id is None:
            return 0
        return await self.refresh_tag(await self._key_of(tag_id))

    async def _key_of(self, tag_id: UUID) -> str:
        query = text("SELECT tag_key FROM rfid_tags WHERE id = :id")
        return str(await self._session.scalar(query, {"id": tag_id}))

    async def recompute(self) -> int:
        """Compute every right of every site anew; how many had to change (0 if all was well).

        Also what a change of a lot's policy asks for.
        """
        await self._session.execute(_LOCK_ALL)
        return await self._bring_in_line(await self._facts("", {}), await self._have(None))

    async def recompute_for(self, actor: User) -> int:
        """The same because somebody wants it, which goes on record with what it changed."""
        changed = await self.recompute()
        act = PrivilegedAct(actor.id, "rights.recomputed", "rights:all", {"changed": changed})
        await self._acts.record(self._session, act)
        return changed

    async def at(self, tag_key: str, site: str, instant: datetime) -> list[IssuedRightRow]:
        """The rights a card had at a site at an instant, in the order they start."""
        query = (
            select(IssuedRightRow)
            .where(
                col(IssuedRightRow.tag_key) == tag_key,
                col(IssuedRightRow.site) == site,
                col(IssuedRightRow.issued_at) <= instant,
                (col(IssuedRightRow.revoked_at).is_(None))
                | (col(IssuedRightRow.revoked_at) > instant - DELIVERY_GRACE),
            )
            .order_by(col(IssuedRightRow.from_s), col(IssuedRightRow.right_id))
        )
        return list((await self._session.scalars(query)).all())

    async def named(self, site: str, right_id: str) -> IssuedRightRow | None:
        """The right of this id as it was last issued, also if it is no more."""
        query = (
            select(IssuedRightRow)
            .where(col(IssuedRightRow.site) == site, col(IssuedRightRow.right_id) == right_id)
            .order_by(col(IssuedRightRow.issued_at).desc())
            .limit(1)
        )
        return await self._session.scalar(query)

    async def last_revoked(self, site: str, right_id: str) -> datetime | None:
        """When a right was last revoked, None if it is good or never was one."""
        right = await self.named(site, right_id)
        return None if right is None else right.revoked_at

    async def _bring_in_line(self, facts: Sequence[TagFacts], have: Rights) -> int:
        lots = await self._lots()
        want: Rights = {}
        for tag in facts:
            want |= rights_of(tag, lots)
        found = changes(have, want)
        for site, change in found.items():
            await self._apply(site, change)
        return sum(len(change.added) + len(change.removed) for change in found.values())

    async def _apply(self, site: str, change: Changes) -> None:
        now = self._clock.now()
        gone = [*change.removed, *(right.id for right in change.added)]
        await self._session.execute(_REVOKE, {"now": now, "site": site, "ids": gone})
        added = change.added
        await self._session.execute(
            _ISSUE,
            {
                "site": site,
                "now": now,
                "id": [self._ids.new() for _ in added],
                "right_id": [right.id for right in added],
                "tag_key": [right.tag for right in added],
                "lot": [right.lot for right in added],
                "flags": [right.flags for right in added],
                "from_s": [right.from_s for right in added],
                "until_s": [right.until_s for right in added],
            },
        )
        wishes: dict[str, Right | None] = dict.fromkeys(change.removed)
        wishes |= {right.id: right for right in added}
        await self._delivery.replace_many(self._session, site, wishes)

    async def _facts(self, where: str, values: Mapping[str, Any]) -> list[TagFacts]:
        tags = (await self._session.execute(text(f"{_TAGS} {where}"), values)).all()
        if not tags:
            return []
        only = tags[0].id if len(tags) == 1 else None
        bookings, permits = await self._bookings(only), await self._permits(only)
        return [
            TagFacts(
                tag_key=tag.tag_key,
                is_blocked=tag.state != TagState.ACTIVE,
                is_secured=tag.level > 0,
                bookings=tuple(bookings.get(tag.id, ())),
                permits=tuple(permits.get(tag.id, ())),
            )
            for tag in tags
        ]

    async def _bookings(self, tag_id: UUID | None) -> dict[UUID, list[BookingFacts]]:
        query, values = text(f"{_BOOKINGS} ORDER BY id"), {}
        if tag_id is not None:
            query, values = text(f"{_BOOKINGS} AND tag_id = :tag ORDER BY id"), {"tag": tag_id}
        found: dict[UUID, list[BookingFacts]] = {}
        for row in await self._session.execute(query, values):
            facts = BookingFacts(row.id, row.lot, row.starts_at, row.ends_at)
            found.setdefault(row.tag_id, []).append(facts)
        return found

    async def _permits(self, tag_id: UUID | None) -> dict[UUID, list[PermitFacts]]:
        query = select(
            col(PermitRow.tag_id),
            col(PermitRow.id),
            col(PermitRow.lot),
            col(PermitRow.kind),
            col(PermitRow.from_at),
            col(PermitRow.until_at),
        ).where(col(PermitRow.withdrawn_at).is_(None))
        if tag_id is not None:
            query = query.where(col(PermitRow.tag_id) == tag_id)
        found: dict[UUID, list[PermitFacts]] = {}
        for owner, permit_id, lot, kind, from_at, until_at in await self._session.execute(query):
            facts = PermitFacts(permit_id, lot, PermitKind(kind), from_at, until_at)
            found.setdefault(owner, []).append(facts)
        return found

    async def _lots(self) -> dict[str, LotFacts]:
        query = select(
            col(LotRow.id),
            col(LotRow.site),
            col(LotRow.walk_ups),
            col(LotRow.early_grace_s),
            col(LotRow.late_grace_s),
        )
        return {
            lot: LotFacts(
                lot, site, WalkUps(walk_ups), timedelta(seconds=early), timedelta(seconds=late)
            )
            for lot, site, walk_ups, early, late in (await self._session.execute(query))
        }

    async def _have(self, tag_key: str | None) -> Rights:
        query = select(
            col(IssuedRightRow.site),
            col(IssuedRightRow.right_id),
            col(IssuedRightRow.tag_key),
            col(IssuedRightRow.lot),
            col(IssuedRightRow.flags),
            col(IssuedRightRow.from_s),
            col(IssuedRightRow.until_s),
        ).where(col(IssuedRightRow.revoked_at).is_(None))
        if tag_key is not None:
            query = query.where(col(IssuedRightRow.tag_key) == tag_key)
        rows = await self._session.execute(query)
        return {
            (site, right_id): Right(
                id=right_id, tag=tag, lot=lot, flags=flags, from_s=from_s, until_s=until_s
            )
            for site, right_id, tag, lot, flags, from_s, until_s in rows
        }
