"""The words for spaces that lots, allocation and tariffs share; stored, and used in the API."""

from enum import StrEnum


class SpaceType(StrEnum):
    """What a space is made for; each type may have its own hourly rate."""

    STANDARD = "standard"
    COMPACT = "compact"
    LARGE = "large"
    ACCESSIBLE = "accessible"
    CHARGING = "charging"
    MOTORCYCLE = "motorcycle"


class SpaceFeature(StrEnum):
    """What a space offers besides its type."""

    COVERED = "covered"
    CAMERA = "camera"
    NEAR_LIFT = "near_lift"
    NEAR_EXIT = "near_exit"
    WIDE = "wide"


class SpaceState(StrEnum):
    """Whether a space can be given out."""

    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"


class VehicleSize(StrEnum):
    """How much room a vehicle needs."""

    MOTORCYCLE = "motorcycle"
    COMPACT = "compact"
    STANDARD = "standard"
    LARGE = "large"
