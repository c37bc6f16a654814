"""Refusals about stays."""

from cloud.kit.errors import ConflictError, MissingError


class StayMissingError(MissingError):
    """There is no such stay, or it is not the caller's."""

    code = "stay_not_found"


class StayClosedError(ConflictError):
    """The stay has ended already, or would end before it began."""

    code = "stay_closed"
