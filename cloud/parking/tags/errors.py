"""Refusals about cards."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class TagMissingError(MissingError):
    """There is no such card, or it is not the caller's."""

    code = "tag_not_found"


class TagTakenError(ConflictError):
    """The card is registered already."""

    code = "tag_exists"


class UidError(AppError):
    """The UID is not one of a card."""

    status = 422
    code = "uid_refused"


class TagBlockedError(ConflictError):
    """The card was blocked by an operator, so only an operator can change that."""

    code = "tag_blocked"


class TooManyTagsError(ConflictError):
    """The user has as many cards as one account may."""

    code = "too_many_tags"
