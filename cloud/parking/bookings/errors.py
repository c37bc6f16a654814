"""Refusals about bookings."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class BookingMissingError(MissingError):
    """There is no such booking, or it is not the caller's."""

    code = "booking_not_found"


class WindowError(AppError):
    """The window cannot be booked."""

    status = 422
    code = "window_refused"


class LotFullError(ConflictError):
    """Every space that would do is taken in that window."""

    code = "lot_full"


class LotNotBookableError(ConflictError):
    """The lot takes no bookings at the moment."""

    code = "lot_closed"


class BookingStateError(ConflictError):
    """The booking is in a state that does not allow this."""

    code = "booking_state"


class HoldExpiredError(ConflictError):
    """The space was held too long; somebody else may have it."""

    code = "hold_expired"


class WhichTagError(AppError):
    """The caller has several cards and did not say which one will open the gate."""

    status = 422
    code = "tag_ambiguous"
