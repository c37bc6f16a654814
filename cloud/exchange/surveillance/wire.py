"""How surveillance joins the exchange."""

from litestar.di import NamedDependency

from cloud.exchange.surveillance.routes import SurveillanceController
from cloud.exchange.surveillance.service import ReviewList
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit


def wire(kit: Kit) -> Feature:
    """Routes, and the dependency `review_list`."""

    async def provide_review_list(session: NamedDependency[AsyncSession]) -> ReviewList:
        return ReviewList(session, acts=kit.acts, clock=kit.clock)

    return Feature(
        "surveillance",
        routes=(SurveillanceController,),
        dependencies={"review_list": provide_review_list},
    )
