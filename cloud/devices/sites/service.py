"""The registry of sites."""

import zoneinfo
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from cloud.devices.errors import SiteMissingError, SlugError, TakenError
from cloud.devices.health.tables import SiteHealthRow
from cloud.devices.keys import DeviceKeys
from cloud.devices.sites.schemas import Site, SiteCreate, SiteHealth, SiteUpdate
from cloud.devices.sites.tables import NEW, SiteRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.privileged import ActRecorder, PrivilegedAct


class SiteService:
    """One request's view of the sites; the session commits what it did."""

    def __init__(
        self, session: AsyncSession, *, keys: DeviceKeys, acts: ActRecorder, clock: Clock
    ) -> None:
        self._session = session
        self._keys = keys
        self._acts = acts
        self._clock = clock

    async def create(self, actor: UUID | None, data: SiteCreate) -> Site:
        """A new site, not yet enrolled.

        Raises:
            TakenError: there is one with this id.
            SlugError: the time zone is unknown.
        """
        _check_timezone(data.timezone)
        row = SiteRow(
            id=data.id,
            name=data.name,
            timezone=data.timezone,
            broker_host=data.broker_host,
            broker_port=data.broker_port,
            site_key_sealed=self._keys.new_site_key(data.id),
            state=NEW,
            desired_version=1,
            created_at=self._clock.now(),
        )
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError as error:
            raise TakenError(f"There is a site {data.id} already.") from error
        await self._acts.record(
            self._session, PrivilegedAct(actor, "site.created", f"site:{data.id}")
        )
        return to_schema(row, None)

    async def update(self, actor: UUID | None, site: str, data: SiteUpdate) -> Site:
        """Change what is sent.

        Raises:
            SiteMissingError, SlugError: said in the error.
        """
        row = await self.row(site)
        if data.timezone is not None:
            _check_timezone(data.timezone)
        for name in ("name", "timezone", "broker_host", "broker_port"):
            if (value := getattr(data, name)) is not None:
                setattr(row, name, value)
        await self._session.flush()
        await self._acts.record(self._session, PrivilegedAct(actor, "site.changed", f"site:{site}"))
        return to_schema(row, await self._session.get(SiteHealthRow, site))

    async def get(self, site: str) -> Site:
        """One site.

        Raises:
            SiteMissingError: there is none.
        """
        return to_schema(await self.row(site), await self._session.get(SiteHealthRow, site))

    async def list_all(self) -> Sequence[Site]:
        """Every site, by id."""
        query = (
            select(SiteRow, SiteHealthRow)
            .outerjoin(SiteHealthRow, col(SiteHealthRow.site) == col(SiteRow.id))
            .order_by(col(SiteRow.id))
        )
        rows = await self._session.execute(query)
        return [to_schema(row, health) for row, health in rows]

    async def row(self, site: str) -> SiteRow:
        """The row, for neighbours within this feature.

        Raises:
            SiteMissingError: there is none.
        """
        row = await self._session.get(SiteRow, site)
        if row is None:
            raise SiteMissingError(f"There is no site {site}.")
        return row


def to_schema(row: SiteRow, health: SiteHealthRow | None) -> Site:
    """What the API shows of a site."""
    return Site(
        id=row.id,
        name=row.name,
        timezone=row.timezone,
        broker_host=row.broker_host,
        broker_port=row.broker_port,
        state=row.state,
        desired_version=row.desired_version,
        created_at=row.created_at,
        certificate_serial=row.certificate_serial,
        certificate_not_after=row.certificate_not_after,
        health=_health(health),
    )


def _health(row: SiteHealthRow | None) -> SiteHealth:
    if row is None:
        return SiteHealth()
    return SiteHealth(
        online=row.online,
        heard_at=row.heard_at,
        agent=row.agent,
        desired_version=row.desired_version,
        rights_version=row.rights_version,
        rights_count=row.rights_count,
        rights_problem=row.rights_problem,
        outbox=row.outbox,
        oldest_event_at=row.oldest_event_at,
    )


def _check_timezone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise SlugError(f"{name!r} is not a time zone; write one like Europe/Paris or UTC.")
