"""Why a portfolio cannot be opened, shown, projected or emptied."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class PortfolioMissingError(MissingError):
    """There is no portfolio of this id, or it is somebody else's."""

    code = "portfolio_not_found"


class PortfolioNameTakenError(ConflictError):
    """The user has a portfolio of this name already."""

    code = "portfolio_name_taken"


class TooManyPortfoliosError(ConflictError):
    """The user has as many portfolios as anybody may have."""

    code = "too_many_portfolios"


class PortfolioNotOpenError(ConflictError):
    """The portfolio is not open at the venue yet, or was closed."""

    code = "portfolio_not_open"


class HistoryTooShortError(ConflictError):
    """Too few days are known of this portfolio to say anything of those to come."""

    code = "history_too_short"


class HistoryTooLongError(AppError):
    """So many windows are not shown at once."""

    status = 422
    code = "history_too_long"


class NothingToProjectError(ConflictError):
    """The portfolio is worth nothing now, so nothing can grow from it."""

    code = "nothing_to_project"


class InstrumentMissingError(MissingError):
    """There is no instrument of this symbol or id."""

    code = "instrument_not_found"


class MoveRefusedError(ConflictError):
    """The venue refused to move the cash or units; the sentence says why."""

    code = "move_refused"
