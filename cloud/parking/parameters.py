"""Path and query parameters that several routes of parking share."""

from typing import Annotated
from uuid import UUID

from litestar.params import PathParameter

from cloud.kit.patterns import END

LotId = Annotated[
    str,
    PathParameter(
        min_length=3,
        max_length=32,
        pattern=r"^[a-z0-9-]+" + END,
        description="The lot's id (slug).",
    ),
]
BookingId = Annotated[UUID, PathParameter(description="The booking's id.")]
FloorId = Annotated[UUID, PathParameter(description="The floor's id.")]
SpaceId = Annotated[UUID, PathParameter(description="The space's id.")]
StayId = Annotated[UUID, PathParameter(description="The stay's id.")]
TagId = Annotated[UUID, PathParameter(description="The card's id.")]
VehicleId = Annotated[UUID, PathParameter(description="The vehicle's id.")]
PermitId = Annotated[UUID, PathParameter(description="The permit's id.")]
ExceptionId = Annotated[UUID, PathParameter(description="The exception's id.")]
