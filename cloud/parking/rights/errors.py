"""Refusals about permits."""

from cloud.kit.errors import AppError, MissingError


class PermitMissingError(MissingError):
    """There is no such permit."""

    code = "permit_not_found"


class PermitWindowError(AppError):
    """The permit would end before it begins."""

    status = 422
    code = "permit_window_refused"
