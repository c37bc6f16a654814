"""The demo's market: stocks with real last prices, a trader with money, shares and an API key, and
the accounts of the simulated traders.

Everything is made over the public API by the people whose job it is, and only where it is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.data_folder import DataFolder
from launcher.demo import DOMAIN, log_in_for
from launcher.screen import LogIn
from provisioning.cloud_api import Api

PORTFOLIO = "main"
KEY_NAME = "curb up"
_WHY = "demo market of curb up"


@dataclass(frozen=True, slots=True)
class DemoStock:
    """A stock and what it closed at on 2013-03-01, the last day of the recorded prices."""

    symbol: str
    name: str
    price: str


STOCKS = (
    DemoStock("AAPL", "Apple", "430.47"),
    DemoStock("FB", "Facebook", "27.78"),
    DemoStock("GOOG", "Google", "806.19"),
    DemoStock("IBM", "IBM", "202.91"),
    DemoStock("MSFT", "Microsoft", "27.95"),
)


@dataclass(frozen=True, slots=True)
class DemoTrader:
    """An account that trades. kind: of the simulated trader, "" for a person's.

    units: of each stock, brought in once; cash_minor: cents, moved in from a wallet.
    """

    kind: str
    units: int
    cash_minor: int


PERSON = DemoTrader("", 100, 10_000_000)
# Takers only reach what makers quote: these three kinds need far less than the maker.
SIMULATED = (
    DemoTrader("maker", 5_000, 2_000_000_000),
    DemoTrader("noise", 1_000, 500_000_000),
    DemoTrader("taker", 2_000, 500_000_000),
    DemoTrader("momentum", 500, 500_000_000),
)


def log_in_of(folder: DataFolder, trader: DemoTrader) -> LogIn:
    """That trader's account; the password is made at the first call."""
    if not trader.kind:
        return log_in_for(folder, "trader")
    name = f"sim-{trader.kind}"
    return LogIn("trader", f"{name}@{DOMAIN}", folder.secret(f"log-in {name}"))


def list_stocks(admin: Api) -> None:
    """The demo's stocks; one that is listed already stays as it is."""
    known = {each["symbol"] for each in admin.get("/api/v1/exchange/instruments")}
    for stock in STOCKS:
        if stock.symbol not in known:
            body = {
                "reference_price": stock.price,
                "name": stock.name,
                "maker_fee_rate": -20,
                "taker_fee_rate": 50,
                "reason": _WHY,
            }
            admin.put(f"/api/v1/exchange/instruments/{stock.symbol}", body)


def open_trader(admin: Api, api: Api, who: LogIn, trader: DemoTrader) -> Mapping[str, str]:
    """An account with a portfolio, money and shares; gives a new API key: `key_id`, `secret`.

    api: becomes the trader. What an earlier, interrupted run has made is not made again.
    """
    _register(admin, api, who)
    portfolio = _portfolio(api)
    _fund(api, portfolio, trader.cash_minor)
    _bring_in(admin, api, portfolio, trader.units)
    key = api.post("/api/v1/api-keys", {"portfolio_id": portfolio, "name": KEY_NAME})
    return {"key_id": key["id"], "secret": key["secret"]}


def _register(admin: Api, api: Api, who: LogIn) -> None:
    known = {user["email"] for user in admin.get("/api/v1/users", limit=200)["items"]}
    if who.email not in known:
        body = {
            "email": who.email,
            "password": who.password,
            "name": who.email.partition("@")[0],
            "roles": ["trader"],
        }
        api.post("/api/v1/users", body)
    api.log_in(who.email, who.password)


def _portfolio(api: Api) -> str:
    found = api.get("/api/v1/portfolios")
    known = [each for each in _items(found) if each["name"] == PORTFOLIO]
    made = known[0] if known else api.post("/api/v1/portfolios", {"name": PORTFOLIO})
    return str(made["id"])


def _fund(api: Api, portfolio: str, cash_minor: int) -> None:
    """Demo money into the wallet, and on into the portfolio."""
    if _valuation(api, portfolio)["cash_minor"] > 0:
        return
    wallets = {each["currency"]: each["available_minor"] for each in api.get("/api/v1/wallet")}
    if (missing := cash_minor - wallets.get("USD", 0)) > 0:
        top_up = {
            "amount_minor": missing,
            "currency": "USD",
            "provider": "demo-card",
            "card": "4242",
        }
        api.post("/api/v1/wallet/top-ups", top_up)
    body = {"direction": "in", "amount_minor": cash_minor}
    api.post(f"/api/v1/portfolios/{portfolio}/transfers", body)


def _bring_in(admin: Api, api: Api, portfolio: str, units: int) -> None:
    held = {each["symbol"] for each in _valuation(api, portfolio)["positions"]}
    for stock in STOCKS:
        if stock.symbol not in held:
            body = {
                "symbol": stock.symbol,
                "units": units,
                "unit_price": stock.price,
                "reason": _WHY,
            }
            admin.post(f"/api/v1/exchange/portfolios/{portfolio}/units", body)


def _valuation(api: Api, portfolio: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/api/v1/portfolios/{portfolio}/valuation")
    return found


def _items(found: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a list or a page of one
    items: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found
    return items
