"""How risk limits join the exchange."""

from cloud.events.once import exactly_once
from cloud.events.wire import Events
from cloud.exchange.facts import VIOLATIONS
from cloud.exchange.limits.alerts import GROUP, RiskAlerts
from cloud.exchange.limits.routes import RiskController
from cloud.exchange.limits.service import RiskLimitService
from cloud.exchange.venue.acts import VenueDesk
from cloud.kit.feature import Feature, Kit
from cloud.realtime.notices import Notices


def wire(kit: Kit, events: Events, desk: VenueDesk, notices: Notices) -> Feature:
    """Routes, the dependency `risk_limits`, and the alerts' place on the event stream."""
    service = RiskLimitService(kit.database, desk)
    handler = exactly_once(kit.database, GROUP, RiskAlerts(notices))
    events.bus.subscribe(GROUP, handler, topics=[VIOLATIONS])

    async def provide_risk_limits() -> RiskLimitService:
        return service

    return Feature(
        "risk-limits", routes=(RiskController,), dependencies={"risk_limits": provide_risk_limits}
    )
