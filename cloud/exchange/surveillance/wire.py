"""How surveillance joins the exchange."""

from litestar.di import NamedDependency

from cloud.exchange.surveillance.room import ComplianceRoom
from cloud.exchange.surveillance.routes import SurveillanceController
from cloud.exchange.surveillance.service import ReviewList
from cloud.exchange.surveillance.watch import Watch
from cloud.exchange.surveillance.watched import Watched
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.realtime.wire import Realtime


def wire(kit: Kit, realtime: Realtime) -> Feature:
    """Routes, the dependency `review_list`, the room of compliance, and the watcher."""
    realtime.rooms.add(ComplianceRoom(kit.database))
    watch = Watch(kit.settings.database_url, Watched(kit.database, kit.ids, realtime.notices))

    async def provide_review_list(session: NamedDependency[AsyncSession]) -> ReviewList:
        return ReviewList(session, acts=kit.acts, clock=kit.clock)

    return Feature(
        "surveillance",
        routes=(SurveillanceController,),
        dependencies={"review_list": provide_review_list},
        tasks=(NamedTask("surveillance", ProcessRole.SURVEILLANCE, watch.run),),
    )
