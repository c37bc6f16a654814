"""Refusals about vehicles."""

from cloud.kit.errors import ConflictError, MissingError


class VehicleMissingError(MissingError):
    """The user has no such vehicle."""

    code = "vehicle_not_found"


class VehicleTakenError(ConflictError):
    """The user has this plate already."""

    code = "vehicle_exists"


class TooManyVehiclesError(ConflictError):
    """The user has as many vehicles as one account may."""

    code = "too_many_vehicles"
