"""Why there is no statement."""

from cloud.kit.errors import AppError


class PeriodInvalidError(AppError):
    """The period ends before it begins, or begins in the future."""

    status = 422
    code = "period_invalid"


class StatementTooLongError(AppError):
    """More happened in the period than one document of this format holds."""

    status = 422
    code = "statement_too_long"
