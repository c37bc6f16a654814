"""The registry of lanes and gates."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from cloud.devices.errors import (
    GateMissingError,
    LaneMissingError,
    SiteMissingError,
    SlugError,
    TakenError,
)
from cloud.devices.gates.schemas import (
    CODE_OF,
    DIRECTION_OF,
    Gate,
    GateCreate,
    GateHealth,
    Lane,
    LaneCreate,
)
from cloud.devices.gates.tables import GateRow, LaneRow
from cloud.devices.health.tables import GateHealthRow
from cloud.devices.sites.desired import DesiredState
from cloud.devices.sites.tables import NEW, SiteRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from protocols.enrolment import CLOUD_COMMON_NAME, site_common_name


class GateService:
    """One request's view of lanes and gates; the session commits what it did."""

    def __init__(
        self, session: AsyncSession, *, desired: DesiredState, acts: ActRecorder, clock: Clock
    ) -> None:
        self._session = session
        self._desired = desired
        self._acts = acts
        self._clock = clock

    async def create_lane(self, actor: UUID | None, site: str, data: LaneCreate) -> Lane:
        """A new lane of a site.

        Raises:
            SiteMissingError, TakenError: said in the error.
        """
        await self._check_site(site)
        row = LaneRow(
            id=data.id, site=site, lot=data.lot, name=data.name, direction=CODE_OF[data.direction]
        )
        await self._add(row, f"There is a lane {data.id} already.")
        await self._desired.site_changed(self._session, site)
        await self._record(actor, "lane.created", f"lane:{data.id}")
        return to_lane(row)

    async def create_gate(self, actor: UUID | None, site: str, data: GateCreate) -> Gate:
        """A new gate for a lane, not yet enrolled.

        Raises:
            SiteMissingError, LaneMissingError, TakenError, SlugError: said in the error.
        """
        await self._check_site(site)
        lane = await self._session.get(LaneRow, data.lane)
        if lane is None or lane.site != site:
            raise LaneMissingError(f"Site {site} has no lane {data.lane}.")
        if data.id == CLOUD_COMMON_NAME or data.id.startswith(site_common_name("")):
            # Certificates name devices; a gate must not get the name of an agent or the cloud.
            raise SlugError(f"{data.id} is reserved; a gate's id does not start with `site-`.")
        row = GateRow(
            id=data.id, site=site, lane=data.lane, state=NEW, created_at=self._clock.now()
        )
        await self._add(row, f"There is a gate {data.id} already, or one at lane {data.lane}.")
        await self._record(actor, "gate.created", f"gate:{data.id}")
        return to_gate(row, lane, None)

    async def set_out_of_service(
        self, actor: UUID, gate: str, *, out_of_service: bool, reason: str
    ) -> Gate:
        """Take a lane out of service or put it back; the site hears with its picture.

        Raises:
            GateMissingError: there is none.
        """
        row = await self.row(gate)
        row.out_of_service = out_of_service
        await self._desired.site_changed(self._session, row.site)
        action = "gate.out_of_service" if out_of_service else "gate.in_service"
        await self._record(actor, action, f"gate:{gate}", reason)
        return await self.get(gate)

    async def get(self, gate: str) -> Gate:
        """One gate.

        Raises:
            GateMissingError: there is none.
        """
        row = await self.row(gate)
        lane = await self._session.get_one(LaneRow, row.lane)
        return to_gate(row, lane, await self._session.get(GateHealthRow, gate))

    async def list_gates(self, site: str) -> Sequence[Gate]:
        """Every gate of a site, by id.

        Raises:
            SiteMissingError: there is no such site.
        """
        await self._check_site(site)
        query = (
            select(GateRow, LaneRow, GateHealthRow)
            .join(LaneRow, col(GateRow.lane) == col(LaneRow.id))
            .outerjoin(GateHealthRow, col(GateHealthRow.gate) == col(GateRow.id))
            .where(col(GateRow.site) == site)
            .order_by(col(GateRow.id))
        )
        rows = await self._session.execute(query)
        return [to_gate(gate, lane, health) for gate, lane, health in rows]

    async def list_lanes(self, *, site: str | None = None, lot: str | None = None) -> list[Lane]:
        """The lanes of a site, of a lot, of both, or all; by id."""
        query = select(LaneRow).order_by(col(LaneRow.id))
        if site is not None:
            query = query.where(col(LaneRow.site) == site)
        if lot is not None:
            query = query.where(col(LaneRow.lot) == lot)
        return [to_lane(row) for row in await self._session.scalars(query)]

    async def row(self, gate: str) -> GateRow:
        """The row, for neighbours within this feature.

        Raises:
            GateMissingError: there is none.
        """
        row = await self._session.get(GateRow, gate)
        if row is None:
            raise GateMissingError(f"There is no gate {gate}.")
        return row

    async def _check_site(self, site: str) -> None:
        if await self._session.get(SiteRow, site) is None:
            raise SiteMissingError(f"There is no site {site}.")

    async def _add(self, row: LaneRow | GateRow, taken: str) -> None:
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError as error:
            raise TakenError(taken) from error

    async def _record(
        self, actor: UUID | None, action: str, subject: str, reason: str | None = None
    ) -> None:
        details = {} if reason is None else {"reason": reason}
        await self._acts.record(self._session, PrivilegedAct(actor, action, subject, details))


def to_lane(row: LaneRow) -> Lane:
    """What the API shows of a lane."""
    direction = DIRECTION_OF[row.direction]
    return Lane(id=row.id, site=row.site, lot=row.lot, name=row.name, direction=direction)


def to_gate(row: GateRow, lane: LaneRow, health: GateHealthRow | None) -> Gate:
    """What the API shows of a gate."""
    return Gate(
        id=row.id,
        site=row.site,
        lane=to_lane(lane),
        state=row.state,
        out_of_service=row.out_of_service,
        certificate_serial=row.certificate_serial,
        certificate_not_after=row.certificate_not_after,
        health=_health(health),
    )


def _health(row: GateHealthRow | None) -> GateHealth:
    if row is None:
        return GateHealth()
    return GateHealth(
        online=row.online,
        heard_at=row.heard_at,
        lane_state=row.lane_state,
        reader=row.reader,
        clock=row.clock,
        firmware=row.firmware,
        list_version=row.list_version,
        outbox=row.outbox,
        heap_free=row.heap_free,
        rssi_dbm=row.rssi_dbm,
        problem=row.problem,
    )
