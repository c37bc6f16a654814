"""Refusals about limits."""

from cloud.kit.errors import MissingError


class PortfolioMissingError(MissingError):
    """There is no such portfolio, or it is not the caller's."""

    code = "portfolio_not_found"
