"""What a site should know: its lots' policies and its gates, as one versioned picture."""

from sqlalchemy import select, update
from sqlmodel import col

from cloud.devices.gates.tables import GateRow, LaneRow
from cloud.devices.ports import LotPolicies
from cloud.devices.sites.tables import ENROLLED, SiteRow
from cloud.devices.wake import Wake, Work
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from protocols.site import GateDesired, SiteDesired


class DesiredState:
    """Numbers changes, and draws the picture when it is sent."""

    def __init__(self, wake: Wake, policies: LotPolicies, clock: Clock) -> None:
        self._wake = wake
        self._policies = policies
        self._clock = clock

    async def site_changed(self, session: AsyncSession, site: str) -> None:
        """Something in a site's picture changes in this transaction."""
        await session.flush()
        await session.execute(
            update(SiteRow)
            .where(col(SiteRow.id) == site)
            .values(desired_version=SiteRow.desired_version + 1)
            .execution_options(synchronize_session=False)
        )
        self._wake.after_commit(session, Work.DESIRED, site)

    async def lot_changed(self, session: AsyncSession, lot: str) -> None:
        """A lot's policy or state changes in this transaction; every site with its lanes hears."""
        query = select(col(LaneRow.site)).where(col(LaneRow.lot) == lot).distinct()
        for site in sorted(await session.scalars(query)):
            await self.site_changed(session, site)

    async def picture(self, session: AsyncSession, site: str) -> SiteDesired | None:
        """The current picture; None for an unknown site.

        Only enrolled gates are in it: the agent lets in nobody else.
        """
        row = await session.get(SiteRow, site)
        if row is None:
            return None
        query = (
            select(GateRow, LaneRow)
            .join(LaneRow, col(GateRow.lane) == col(LaneRow.id))
            .where(col(GateRow.site) == site, col(GateRow.state) == ENROLLED)
            .order_by(col(GateRow.id))
        )
        gates = [
            GateDesired(
                gate=gate.id,
                lane=lane.id,
                lot=lane.lot,
                direction=lane.direction,
                out_of_service=gate.out_of_service,
            )
            for gate, lane in await session.execute(query)
        ]
        lot_query = select(col(LaneRow.lot)).where(col(LaneRow.site) == site).distinct()
        lots = sorted(await session.scalars(lot_query))
        policies = await self._policies.policies(session, lots)
        return SiteDesired(
            site=site,
            version=row.desired_version,
            issued_at_ms=self._clock.now_ms(),
            lots=sorted(policies, key=lambda policy: policy.lot),
            gates=gates,
        )
