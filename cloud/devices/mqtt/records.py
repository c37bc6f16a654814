"""Reads what devices said, for people."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import select, tuple_
from sqlmodel import col

from cloud.devices.mqtt.schemas import QuarantinedPayload, RecordedEvent
from cloud.devices.mqtt.tables import DeviceEventRow, QuarantineRow
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest

_SHOWN_BYTES: Final = 500
_Int64 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class DeviceRecords:
    """One request's view of events and quarantine."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def events(self, device: str, page: PageRequest) -> Page[RecordedEvent]:
        """A device's events, newest first."""
        key = (col(DeviceEventRow.boot), col(DeviceEventRow.seq))
        query = (
            select(DeviceEventRow)
            .where(col(DeviceEventRow.device) == device)
            .order_by(*(column.desc() for column in key))
            .limit(page.fetch)
        )
        if (after := page.after(tuple[_Int64, _Int64])) is not None:
            query = query.where(tuple_(*key) < after)
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, _event, lambda row: (row.boot, row.seq))

    async def quarantined(self, site: str, page: PageRequest) -> Page[QuarantinedPayload]:
        """What a site sent that was set aside, newest first."""
        key = (col(QuarantineRow.received_at), col(QuarantineRow.id))
        query = (
            select(QuarantineRow)
            .where(col(QuarantineRow.site) == site)
            .order_by(*(column.desc() for column in key))
            .limit(page.fetch)
        )
        if (after := page.after(tuple[datetime, UUID])) is not None:
            query = query.where(tuple_(*key) < after)
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, _payload, lambda row: (row.received_at, row.id))


def _event(row: DeviceEventRow) -> RecordedEvent:
    assert row.position is not None  # given by the database at the insert
    return RecordedEvent(
        position=row.position,
        device=row.device,
        boot=row.boot,
        seq=row.seq,
        at_ms=row.at_ms,
        heard_ms=row.heard_ms,
        clock=row.clock,
        kind=row.kind,
        data=row.data,
        received_at=row.received_at,
    )


def _payload(row: QuarantineRow) -> QuarantinedPayload:
    return QuarantinedPayload(
        id=row.id,
        device=row.device,
        reason=row.reason,
        detail=row.detail,
        received_at=row.received_at,
        payload_bytes=len(row.payload),
        payload_start=row.payload[:_SHOWN_BYTES].decode(errors="replace"),
    )
