"""Refusals about tariffs."""

from cloud.kit.errors import AppError, ConflictError


class NoTariffError(ConflictError):
    """The lot has no tariff yet, so nothing can be priced."""

    code = "no_tariff"


class TariffError(AppError):
    """The tariff cannot be used as it is."""

    status = 422
    code = "tariff_refused"
