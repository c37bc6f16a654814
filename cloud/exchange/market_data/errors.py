"""Refusals of market data requests; under /v2 they are shown in Alpaca's shape."""

from cloud.kit.errors import AppError, MissingError


class MarketDataRequestError(AppError):
    """A parameter of the request cannot be understood or is out of its range."""

    status = 400
    code = "market_data_request_invalid"


class NoMarketDataError(MissingError):
    """The symbol is not listed here, or there is nothing of that kind yet."""

    code = "market_data_not_found"
