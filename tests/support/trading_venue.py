"""A venue for a test: a real process of the cloud with a clock that the test moves."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from provisioning.cloud_api import Api, RefusedError
from simulators.clock import SimulatedClock
from tests.support.alpaca_clients import Key, wait_until
from tests.support.cloud_process import cloud_process, run_cloud

NEW_YORK = ZoneInfo("America/New_York")
PASSWORD = "correct horse battery"
ADMIN = "admin@curb.local"


@dataclass
class Person:
    """A trader with one portfolio, its key, and the API as that person."""

    name: str
    api: Api
    portfolio: str
    key: Key


@dataclass
class TradingVenue:
    """The running venue. `admin` is the API as its admin."""

    base_url: str
    admin: Api
    clock: SimulatedClock
    people: list[Person] = field(default_factory=list)
    deposited_minor: int = 0
    brought_in: dict[str, int] = field(default_factory=dict)
    _closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)

    def set_time(self, day: date, wall: str) -> None:
        """Move the clock to a time of day in New York."""
        instant = datetime.combine(day, time.fromisoformat(wall), NEW_YORK)
        self.clock.set(int(instant.timestamp() * 1000))

    def pass_time(self, by: timedelta) -> None:
        """Let the venue's time go on."""
        self.clock.set(self.clock.now_ms() + by // timedelta(milliseconds=1))

    def phase(self, symbol: str) -> str:
        return str(self.admin.get(f"/api/v1/exchange/instruments/{symbol}")["phase"])

    def wait_phase(self, phase: str, *symbols: str) -> None:
        """Wait until the venue itself has followed the clock."""
        for symbol in symbols:
            wait_until(lambda s=symbol: self.phase(s) == phase, f"{symbol} is {phase}")

    def let_call_end(self, symbol: str) -> None:
        """Let time pass until a volatility call is over; it counts from when it was first seen."""

        def is_over() -> bool:
            self.pass_time(timedelta(seconds=5))
            return self.phase(symbol) == "continuous"

        wait_until(is_over, f"the call of {symbol} ends")

    def list_stock(self, symbol: str, price: str, **listing: object) -> None:
        body = {"reference_price": price, "reason": "trading day test", "name": symbol}
        self.admin.put(f"/api/v1/exchange/instruments/{symbol}", body | listing)

    def halt(self, symbol: str) -> None:
        body = {"reason": "news are pending"}
        self.admin.post(f"/api/v1/exchange/instruments/{symbol}/halt", body)

    def resume(self, symbol: str) -> None:
        body = {"reason": "news are out", "phase": "volatility_call"}
        self.admin.post(f"/api/v1/exchange/instruments/{symbol}/resume", body)

    def person(self, name: str, *, cash_minor: int, **units: int) -> Person:
        """A new trader with a funded portfolio; units: symbol -> how many shares."""
        api = self._closing.enter_context(Api(self.base_url))
        email = f"{name}@curb.local"
        body = {"email": email, "password": PASSWORD, "name": name, "roles": ["trader"]}
        api.post("/api/v1/users", body)
        api.log_in(email, PASSWORD)
        portfolio = api.post("/api/v1/portfolios", {"name": "main"})["id"]
        fund(api, portfolio, cash_minor)
        self.deposited_minor += cash_minor
        for symbol, count in units.items():
            self._bring_in(portfolio, symbol, count)
        made = api.post("/api/v1/api-keys", {"portfolio_id": portfolio, "name": "test"})
        key = Key(self.base_url, made["id"], made["secret"])
        one = Person(name, api, portfolio, key)
        self.people.append(one)
        return one

    def _bring_in(self, portfolio: str, symbol: str, units: int) -> None:
        body = {"symbol": symbol, "units": units, "unit_price": "100", "reason": "first shares"}
        self.admin.post(f"/api/v1/exchange/portfolios/{portfolio}/units", body)
        self.brought_in[symbol] = self.brought_in.get(symbol, 0) + units


def fund(api: Api, portfolio: str, cash_minor: int) -> None:
    """Top the wallet up with demo money and move it to the portfolio."""
    top_up = {
        "amount_minor": cash_minor,
        "currency": "USD",
        "provider": "demo-card",
        "card": "4242",
    }
    api.post("/api/v1/wallet/top-ups", top_up)
    transfer(api, portfolio, "in", cash_minor)


def transfer(api: Api, portfolio: str, direction: str, amount_minor: int) -> None:
    """Move cash from (`in`) or to (`out`) the wallet, and wait until it has come.

    Raises:
        RefusedError: it was refused; the money is where it was.
    """
    path = f"/api/v1/portfolios/{portfolio}/transfers"
    made = api.post(path, {"direction": direction, "amount_minor": amount_minor})
    wait_until(lambda: api.get(f"{path}/{made['id']}")["state"] == "done", "the transfer has come")


@contextlib.contextmanager
def trading_venue(
    database_url: str, redis_url: str, folder: Path, *, day: date, wall: str
) -> Iterator[TradingVenue]:
    """A venue that keeps the hours of US equities, on a clock that stands at this time."""
    start = datetime.combine(day, time.fromisoformat(wall), NEW_YORK)
    clock = SimulatedClock(folder / "clock", int(start.timestamp() * 1000))
    environ = {
        "CURB_DATABASE_URL": database_url,
        "CURB_REDIS_URL": redis_url,
        "CURB_DATA_DIR": str(folder / "data"),
        "CURB_ARGON2_MEMORY_KIB": "19456",
        "CURB_CLOCK_FILE": str(clock.path),
        "CURB_DEMO_PAYMENTS": "on",
        "CURB_EXCHANGE_SCHEDULE": "us-equities",
    }
    made = run_cloud(environ, "create-user", ADMIN, "--role", "admin")
    password = json.loads(made.stdout)["password"]
    with (
        cloud_process(environ, "--roles=api,relay,exchange") as url,
        Api(url) as admin,
        contextlib.ExitStack() as closing,
    ):
        admin.log_in(ADMIN, password)
        venue = TradingVenue(url, admin, clock, _closing=closing)
        wait_until(lambda: _leads(admin), "the process leads the exchange")
        yield venue


def _leads(admin: Api) -> bool:
    try:
        admin.post("/api/v1/exchange/phase", {"phase": "closed", "reason": "are you there"})
    except RefusedError as error:
        if error.status != 503:
            raise
        return False
    return True
