"""Refusals about lots."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class LotMissingError(MissingError):
    """There is no such lot."""

    code = "lot_not_found"


class LotTakenError(ConflictError):
    """Another lot has this id."""

    code = "lot_exists"


class SiteUnknownError(AppError):
    """The lot names a site that is not registered."""

    status = 422
    code = "site_unknown"


class TimezoneError(AppError):
    """The time zone is not one of the IANA database."""

    status = 422
    code = "timezone_unknown"
