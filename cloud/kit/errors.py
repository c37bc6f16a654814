"""Refusals: what the caller can act on, with an HTTP status and a code that never changes."""

from typing import ClassVar


class AppError(Exception):
    """A refusal. Subclass it and name it for the fact: `LotFullError`, not `BookingFailedError`.

    status: the HTTP status of the answer.
    code: stable, snake_case; clients branch on it, so it is never renamed.
    message: a whole sentence with the values that matter and what to do next.
    keeps_work: the refusal is itself a fact worth keeping (a stolen token was shown, a car was
        turned away): what the request wrote is committed although it is refused.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    keeps_work: ClassVar[bool] = False

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or {}


class MissingError(AppError):
    """The thing named does not exist, or is not this caller's to see."""

    status = 404
    code = "not_found"


class ForbiddenError(AppError):
    """Known caller, but not allowed."""

    status = 403
    code = "forbidden"


class UnauthenticatedError(AppError):
    """The caller did not show who they are, or their token is no longer good."""

    status = 401
    code = "unauthenticated"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class ConflictError(AppError):
    """The thing is in a state that does not allow this."""

    status = 409
    code = "conflict"


class UnavailableError(AppError):
    """Something this needs does not answer at the moment; trying again may help."""

    status = 503
    code = "unavailable"


class RateLimitedError(AppError):
    """Too many of these in too short a time."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)})
