"""Refusals about the access log."""

from cloud.kit.errors import AppError


class AccessFilterError(AppError):
    """The filter cannot be understood."""

    status = 422
    code = "access_filter_refused"
