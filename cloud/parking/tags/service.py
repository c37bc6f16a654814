"""What drivers and operators do about cards, and who a card at a lane belongs to."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.crypto import FieldCipher, Place
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.tags.errors import (
    TagBlockedError,
    TagMissingError,
    TagTakenError,
    TooManyTagsError,
    UidError,
)
from cloud.parking.tags.rules import TagState, tag_key, uid_bytes
from cloud.parking.tags.schemas import Tag, TagClaim, TagCreate, TagStateChange
from cloud.parking.tags.tables import TagRow
from cloud.parking.vehicles.service import VehicleService

TAGS_MAX = 50
_LEVEL_UNKNOWN = 0


class TagRights(Protocol):
    """What has to hear of every change of a card: its rights at the sites."""

    async def refresh_tag(self, tag_key: str) -> int:
        """Bring the card's rights in line with what is stored now; how many changed."""
        ...


class TagService:
    """Cards, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        rights: TagRights,
        vehicles: VehicleService,
        *,
        clock: Clock,
        ids: Ids,
        cipher: FieldCipher,
        acts: ActRecorder,
    ) -> None:
        self._session = session
        self._rights = rights
        self._vehicles = vehicles
        self._clock = clock
        self._ids = ids
        self._cipher = cipher
        self._acts = acts

    async def claim(self, user_id: UUID, data: TagClaim) -> Tag:
        """Register a card as the driver's own.

        Raises:
            UidError, TagTakenError, TooManyTagsError, VehicleMissingError: said in the error.
        """
        if data.vehicle_id is not None:
            await self._vehicles.owned(user_id, data.vehicle_id)
        owned = select(func.count()).where(col(TagRow.user_id) == user_id)
        if (await self._session.scalar(owned) or 0) >= TAGS_MAX:
            raise TooManyTagsError(f"One account has at most {TAGS_MAX} cards.")
        row = await self._insert(data.uid, user_id, data.vehicle_id, _LEVEL_UNKNOWN, data.note)
        return self._to_schema(row)

    async def register(self, actor: User, data: TagCreate) -> Tag:
        """Register a card for somebody, or for nobody yet.

        Raises:
            UidError, TagTakenError: said in the error.
        """
        row = await self._insert(data.uid, data.user_id, None, data.level, data.note)
        await self._acts.record(
            self._session,
            PrivilegedAct(actor.id, "tag.registered", f"tag:{row.id}", {"level": row.level}),
        )
        return self._to_schema(row)

    async def _insert(
        self, uid_text: str, user_id: UUID | None, vehicle_id: UUID | None, level: int, note: str
    ) -> TagRow:
        uid = uid_bytes(uid_text)
        if uid is None:
            raise UidError("A UID has 4, 7 or 10 bytes in hexadecimal, such as 04:A2:24:5F.")
        tag_id, now = self._ids.new(), self._clock.now()
        added = (
            insert(TagRow)
            .values(
                id=tag_id,
                tag_key=tag_key(uid),
                uid_sealed=self._cipher.seal(_place(tag_id), uid.hex()),
                uid_index=self._cipher.blind_index("rfid_tags", "uid_index", uid.hex()),
                user_id=user_id,
                vehicle_id=vehicle_id,
                level=level,
                state=TagState.ACTIVE,
                state_at=now,
                note=note,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(TagRow)
        )
        row = await self._session.scalar(added)
        if row is None:
            raise TagTakenError(
                "This card is registered already; call the operator if it is yours."
            )
        await self._rights.refresh_tag(row.tag_key)
        return row

    async def list_mine(self, user_id: UUID, page: PageRequest) -> Page[Tag]:
        """The user's cards, oldest first."""
        return await self._list(page, user_id=user_id)

    async def list_all(
        self, page: PageRequest, *, state: TagState | None = None, user_id: UUID | None = None
    ) -> Page[Tag]:
        """All cards, oldest first."""
        return await self._list(page, state=state, user_id=user_id)

    async def _list(
        self, page: PageRequest, *, state: TagState | None = None, user_id: UUID | None = None
    ) -> Page[Tag]:
        query = select(TagRow).order_by(col(TagRow.id)).limit(page.fetch)
        if state is not None:
            query = query.where(col(TagRow.state) == state)
        if user_id is not None:
            query = query.where(col(TagRow.user_id) == user_id)
        if (after := page.after(tuple[UUID])) is not None:
            query = query.where(col(TagRow.id) > after[0])
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, self._to_schema, lambda row: (row.id,))

    async def report_lost(self, user_id: UUID, tag_id: UUID) -> Tag:
        """A driver lost a card: it opens no gate any more.

        A blocked card stays blocked: lost and found again, it would not be any more.

        Raises:
            TagMissingError: it is not theirs.
        """
        row = await self._row(tag_id)
        if row.user_id != user_id:
            raise TagMissingError("You have no such card.")
        if row.state == TagState.ACTIVE:
            await self._set_state(row, TagState.LOST)
        return self._to_schema(row)

    async def found_again(self, user_id: UUID, tag_id: UUID) -> Tag:
        """A driver found a card they had reported lost.

        Raises:
            TagMissingError: it is not theirs.
            TagBlockedError: an operator blocked it.
        """
        row = await self._row(tag_id)
        if row.user_id != user_id:
            raise TagMissingError("You have no such card.")
        if row.state == TagState.BLOCKED:
            raise TagBlockedError("This card was blocked by the operator; please call them.")
        await self._set_state(row, TagState.ACTIVE)
        return self._to_schema(row)

    async def change_state(self, actor: User, tag_id: UUID, data: TagStateChange) -> Tag:
        """Block, unblock or mark as lost; every lane knows within a second or when it is online.

        Raises:
            TagMissingError: there is no such card.
        """
        row = await self._row(tag_id)
        before = row.state
        if before != data.state:
            await self._set_state(row, data.state)
            details = {"before": before, "state": data.state, "reason": data.reason}
            await self._acts.record(
                self._session,
                PrivilegedAct(actor.id, "tag.state_changed", f"tag:{tag_id}", details),
            )
        return self._to_schema(row)

    async def _set_state(self, row: TagRow, state: TagState) -> None:
        row.state, row.state_at = state, self._clock.now()
        await self._session.flush()
        await self._rights.refresh_tag(row.tag_key)

    async def _row(self, tag_id: UUID) -> TagRow:
        row = await self._session.get(TagRow, tag_id, with_for_update=True)
        if row is None:
            raise TagMissingError("There is no such card.")
        return row

    def _to_schema(self, row: TagRow) -> Tag:
        return Tag(
            id=row.id,
            uid_end=self._cipher.open(_place(row.id), row.uid_sealed)[-4:],
            tag_key=row.tag_key,
            user_id=row.user_id,
            vehicle_id=row.vehicle_id,
            level=row.level,
            state=TagState(row.state),
            state_at=row.state_at,
            note=row.note,
            created_at=row.created_at,
        )


class Tags:
    """Reading cards, for other services of parking; within one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def by_key(self, tag_key: str) -> TagRow | None:
        """The card that lanes call so."""
        return await self._session.scalar(select(TagRow).where(col(TagRow.tag_key) == tag_key))

    async def by_id(self, tag_id: UUID) -> TagRow | None:
        """The card of this id."""
        return await self._session.get(TagRow, tag_id)

    async def of_user(self, user_id: UUID) -> Sequence[TagRow]:
        """The user's cards that are not blocked or lost, oldest first."""
        query = (
            select(TagRow)
            .where(col(TagRow.user_id) == user_id, col(TagRow.state) == TagState.ACTIVE)
            .order_by(col(TagRow.id))
        )
        return (await self._session.scalars(query)).all()


def _place(tag_id: UUID) -> Place:
    return Place("rfid_tags", "uid_sealed", tag_id)
