"""Vehicles as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.kit.patterns import END
from cloud.parking.lots.kinds import VehicleSize
from cloud.parking.vocabulary import PRINTABLE

Plate = Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=PRINTABLE)]
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}" + END)]
Make = Annotated[str, msgspec.Meta(max_length=50, pattern=PRINTABLE)]


class VehicleCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A vehicle. `plate` as it is written; blanks, hyphens and case do not matter."""

    plate: Plate
    country: Country = "DE"
    make: Make = ""
    model: Make = ""
    size: VehicleSize = VehicleSize.STANDARD


class Vehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle of the caller."""

    id: UUID
    plate: str
    country: str
    make: str
    model: str
    size: VehicleSize
    created_at: datetime
