"""Refusals about the review list."""

from cloud.kit.errors import ConflictError, MissingError


class CaseMissingError(MissingError):
    """There is no such case."""

    code = "case_not_found"


class CaseStateError(ConflictError):
    """The case is in that state already, or another one about the same is open."""

    code = "case_state"
