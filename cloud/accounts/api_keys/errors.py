"""Refusals about API keys."""

from cloud.kit.errors import ConflictError, MissingError


class ApiKeyMissingError(MissingError):
    """There is no such key of this user."""

    code = "api_key_not_found"


class KeyPortfolioMissingError(MissingError):
    """There is no such portfolio of this user."""

    code = "portfolio_not_found"


class TooManyApiKeysError(ConflictError):
    """The user has as many keys as anybody may have."""

    code = "too_many_api_keys"
