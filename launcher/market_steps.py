"""The steps of `curb up` for the market: stocks and traders at the venue, then the simulation."""

from launcher.demo import log_in_for
from launcher.demo_market import PERSON, SIMULATED, STOCKS, list_stocks, log_in_of, open_trader
from launcher.ports import LOOPBACK
from launcher.services import PythonProgram
from launcher.steps import has_demo
from launcher.system import System
from launcher.trade.access import MARKET_FILE
from launcher.venue_status import leads
from provisioning.cloud_api import Api

STAGE_FILE = "traders.json"


def build_demo_market(system: System) -> None:
    """Stocks, the demo trader with its API key, and the accounts of the simulated traders.

    Each key is written down as soon as it is made: what was interrupted goes on at the next start.
    """
    base = f"http://{LOOPBACK}:{system.folder.port('http')}"
    # Ready to answer is not yet ready to trade: it has its books to recover first.
    system.expect("The venue leads", lambda: leads(base))
    if not has_demo(system):
        with Api(base) as admin, Api(base) as api:
            who = log_in_for(system.folder, "admin")
            admin.log_in(who.email, who.password)
            list_stocks(admin)
            _open_person(system, admin, api)
            _open_simulated(system, admin, api)
    # The port may be another one this time.
    stage = system.folder.read(STAGE_FILE)
    system.folder.write(STAGE_FILE, stage | {"base_url": base})
    system.trader_key = system.folder.read(MARKET_FILE)


def start_traders(system: System) -> None:
    """Makers, takers, noise and momentum on the demo's venue."""
    system.start(
        PythonProgram(
            "traders",
            "simulators",
            ("market", system.folder / STAGE_FILE),
            log_path=system.folder.log_path("traders"),
        )
    )


def _open_person(system: System, admin: Api, api: Api) -> None:
    if not system.folder.read(MARKET_FILE):
        key = open_trader(admin, api, log_in_of(system.folder, PERSON), PERSON)
        system.folder.write(MARKET_FILE, dict(key))


def _open_simulated(system: System, admin: Api, api: Api) -> None:
    stage = system.folder.read(STAGE_FILE)
    traders = {each["kind"]: each for each in stage.get("traders", ())}
    for trader in SIMULATED:
        if trader.kind not in traders:
            key = open_trader(admin, api, log_in_of(system.folder, trader), trader)
            traders[trader.kind] = {"kind": trader.kind} | dict(key)
        system.folder.write(
            STAGE_FILE,
            {
                "symbols": {stock.symbol: stock.price for stock in STOCKS},
                "traders": list(traders.values()),
            },
        )
