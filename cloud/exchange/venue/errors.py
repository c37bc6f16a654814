"""Refusals of acts on the venue; the engine's reasons have one class each, so codes are stable."""

from typing import Final

from cloud.kit.errors import AppError, ConflictError, MissingError
from trading.reasons import Reason


class InstrumentMissingError(MissingError):
    """No instrument of this symbol is listed."""

    code = "instrument_not_found"


class TradingAccountMissingError(MissingError):
    """There is no such trading account; a user gets one with the first portfolio."""

    code = "trading_account_not_found"


class CorporateActionExistsError(ConflictError):
    """The instrument has such an action on that day already."""

    code = "corporate_action_exists"


class KillSwitchHeldError(ConflictError):
    """The venue has switched this account off; only the venue switches it on again."""

    code = "kill_switch_held_by_venue"


class PriceTextError(AppError):
    """A price is not one that this instrument can have."""

    status = 422
    code = "invalid_price"


class DividendAmountError(AppError):
    """The dividend is not a positive amount of at most ten decimal places."""

    status = 422
    code = "invalid_dividend"


class VenueRefusedError(ConflictError):
    """The venue's rules do not allow this now."""

    code = "venue_refused"


class PhaseNotAllowedError(VenueRefusedError):
    """The instrument cannot go to that phase from where it is."""

    code = "phase_not_allowed"


class InstrumentInUseError(VenueRefusedError):
    """An instrument changes only while it is closed and has no orders."""

    code = "instrument_in_use"


class InstrumentInvalidError(VenueRefusedError):
    """A figure of the instrument is out of its range, or does not fit the others."""

    status = 422
    code = "instrument_invalid"


class BandsInvalidError(VenueRefusedError):
    """The lower band must be below the upper one."""

    status = 422
    code = "bands_invalid"


class RatioInvalidError(VenueRefusedError):
    """The ratio must be of two different numbers from 1 to 10,000."""

    status = 422
    code = "ratio_invalid"


class PayoutTooLargeError(VenueRefusedError):
    """With this ratio or amount somebody would have more than the venue can hold."""

    status = 422
    code = "payout_too_large"


class FigureTooLargeError(VenueRefusedError):
    """A number is larger than any that the venue can store."""

    status = 422
    code = "figure_too_large"


class LimitsInvalidError(VenueRefusedError):
    """A limit is out of its range."""

    status = 422
    code = "limits_invalid"


class UnitsRefusedError(VenueRefusedError):
    """Units cannot come in: too many of them, or the portfolio is short in the instrument."""

    code = "units_refused"


class UnknownPortfolioError(VenueRefusedError):
    """The portfolio has not been opened for trading."""

    status = 404
    code = "portfolio_not_found"


REFUSALS: Final[dict[int, type[AppError]]] = {
    Reason.PHASE_NOT_ALLOWED: PhaseNotAllowedError,
    Reason.INSTRUMENT_IN_USE: InstrumentInUseError,
    Reason.INSTRUMENT_INVALID: InstrumentInvalidError,
    Reason.BANDS_INVALID: BandsInvalidError,
    Reason.RATIO_INVALID: RatioInvalidError,
    Reason.PAYOUT_TOO_LARGE: PayoutTooLargeError,
    Reason.FIGURE_TOO_LARGE: FigureTooLargeError,
    Reason.LIMITS_INVALID: LimitsInvalidError,
    Reason.UNKNOWN_PORTFOLIO: UnknownPortfolioError,
    Reason.UNKNOWN_INSTRUMENT: InstrumentMissingError,
    Reason.AMOUNT_TOO_LARGE: UnitsRefusedError,
    Reason.CROSSES_ZERO: UnitsRefusedError,
}
