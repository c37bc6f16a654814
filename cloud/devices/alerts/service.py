"""People look at alerts and say that they did."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlmodel import col

from cloud.devices.alerts.errors import AlertMissingError
from cloud.devices.alerts.rules import is_happening
from cloud.devices.alerts.schemas import Alert
from cloud.devices.alerts.tables import AlertRow
from cloud.devices.events import ALERT, TOPIC
from cloud.events.outbox import Outbox
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct


class AlertService:
    """One request's view of the alerts; the session commits what it did."""

    def __init__(
        self, session: AsyncSession, *, outbox: Outbox, acts: ActRecorder, clock: Clock
    ) -> None:
        self._session = session
        self._outbox = outbox
        self._acts = acts
        self._clock = clock

    async def list_all(
        self, page: PageRequest, *, site: str | None, only_open: bool
    ) -> Page[Alert]:
        """Alerts, newest first."""
        key = (col(AlertRow.raised_at), col(AlertRow.id))
        query = select(AlertRow).order_by(*(column.desc() for column in key)).limit(page.fetch)
        if site is not None:
            query = query.where(col(AlertRow.site) == site)
        if only_open:
            query = query.where(col(AlertRow.cleared_at).is_(None))
        if (after := page.after(tuple[datetime, UUID])) is not None:
            query = query.where(tuple_(*key) < after)
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, to_schema, lambda row: (row.raised_at, row.id))

    async def open_at(self, site: str) -> list[Alert]:
        """A site's open alerts, oldest first: part of the live room's snapshot."""
        query = (
            select(AlertRow)
            .where(col(AlertRow.site) == site, col(AlertRow.cleared_at).is_(None))
            .order_by(col(AlertRow.raised_at))
            .limit(200)
        )
        return [to_schema(row) for row in await self._session.scalars(query)]

    async def acknowledge(self, actor: UUID, alert: UUID, note: str) -> Alert:
        """Somebody has seen it. A happening ends with this; a condition ends when it ends.

        The first acknowledgement counts; a second changes nothing.

        Raises:
            AlertMissingError: there is none.
        """
        row = await self._session.get(AlertRow, alert, with_for_update=True)
        if row is None:
            raise AlertMissingError(f"There is no alert {alert}.")
        if row.acknowledged_at is not None:
            return to_schema(row)
        row.acknowledged_at = self._clock.now()
        row.acknowledged_by = actor
        row.note = note or None
        if is_happening(row.kind) and row.cleared_at is None:
            row.cleared_at = row.acknowledged_at
        await self._session.flush()
        told = to_schema(row)
        self._outbox.add(self._session, self._outbox.event(TOPIC, f"site:{row.site}", ALERT, told))
        act = PrivilegedAct(actor, "alert.acknowledged", f"alert:{alert}", {"kind": row.kind})
        await self._acts.record(self._session, act)
        return told


def to_schema(row: AlertRow) -> Alert:
    """What the API shows of an alert."""
    return Alert(
        id=row.id,
        site=row.site,
        device=row.device,
        kind=row.kind,
        detail=row.detail,
        raised_at=row.raised_at,
        cleared_at=row.cleared_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
    )
