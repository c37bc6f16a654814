"""Refusals about money."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class InsufficientFundsError(AppError):
    """The wallet has not got that much."""

    status = 402
    code = "insufficient_funds"


class ClientIdReusedError(ConflictError):
    """This id moved money before, and not in this way."""

    code = "client_id_reused"


class HoldMissingError(MissingError):
    """There is no such hold."""

    code = "hold_not_found"


class HoldSettledError(ConflictError):
    """The hold was captured or released before."""

    code = "hold_settled"


class AmountError(AppError):
    """The amount is not one this can be done with."""

    status = 422
    code = "invalid_amount"


class PaymentDeclinedError(AppError):
    """The payment provider did not take the payment."""

    status = 402
    code = "payment_declined"


class ProviderMissingError(AppError):
    """This installation has no such way to pay."""

    status = 422
    code = "payment_provider_not_found"
