"""Refusals about floors and spaces."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class FloorMissingError(MissingError):
    """There is no such floor in this lot."""

    code = "floor_not_found"


class FloorTakenError(ConflictError):
    """The lot has a floor of this number."""

    code = "floor_exists"


class SpaceMissingError(MissingError):
    """There is no such space in this lot."""

    code = "space_not_found"


class SpaceTakenError(ConflictError):
    """The lot has spaces of these names."""

    code = "space_exists"


class TooManySpacesError(AppError):
    """One request asks for more spaces than are made at once."""

    status = 422
    code = "too_many_spaces"
