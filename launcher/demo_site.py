"""The demo's car park: one site, one lot with two floors, four lanes with a gate each, and cards.

Everything is made over the REST API by the people whose job it is, and only where it is missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.cloud_api import Api, RefusedError
from provisioning.enrol import certify_site_broker, enrol_gate, enrol_site

SITE = "elm-street"
LOT = "elm"


@dataclass(frozen=True, slots=True)
class DemoLane:
    """A lane and the gate that controls it."""

    lane: str
    gate: str
    name: str
    direction: str


LANES = (
    DemoLane("elm-lane-in-1", "elm-in-1", "Entry 1", "entry"),
    DemoLane("elm-lane-in-2", "elm-in-2", "Entry 2", "entry"),
    DemoLane("elm-lane-out-1", "elm-out-1", "Exit 1", "exit"),
    DemoLane("elm-lane-out-2", "elm-out-2", "Exit 2", "exit"),
)
# Cards of the demo's drivers: the first half as sold (level 0), the rest with key and counter.
CARDS = 40
_LEVEL_1_FROM = CARDS // 2
_CARDS_OF_THE_DRIVER = 3


@dataclass(frozen=True, slots=True)
class DemoCard:
    """A card as the cloud knows it; `uid` in lower-case hex."""

    uid: str
    level: int


def cards() -> Iterator[DemoCard]:
    """The demo's cards: always the same, so that a second start finds them registered."""
    for number in range(CARDS):
        # 7 bytes, first one NXP's: what NTAG215 stickers carry.
        yield DemoCard(f"04c0de{number:08x}", 0 if number < _LEVEL_1_FROM else 1)


def build_site(api: Api, broker_port: int) -> None:
    """The site, its lanes and gates; `api` is logged in as technician."""
    site = {
        "id": SITE,
        "name": "Elm Street",
        "timezone": "Europe/Berlin",
        "broker_host": "127.0.0.1",
        "broker_port": broker_port,
    }
    _make(api, f"/api/v1/sites/{SITE}", "/api/v1/sites", site)


def build_lanes(api: Api) -> None:
    """The lanes and gates of the site; `api` is logged in as technician."""
    known = {lane["id"] for lane in api.get(f"/api/v1/sites/{SITE}/lanes")}
    for lane in LANES:
        if lane.lane not in known:
            body = {"id": lane.lane, "lot": LOT, "name": lane.name, "direction": lane.direction}
            api.post(f"/api/v1/sites/{SITE}/lanes", body)
            api.post(f"/api/v1/sites/{SITE}/gates", {"id": lane.gate, "lane": lane.lane})


def enrol_devices(api: Api, folder: Path) -> None:
    """Identities of the agent, its broker and its gates below `folder`; `api`: a technician."""
    enrol_site(api, SITE, folder / "identity")
    certify_site_broker(api, SITE, folder / "broker" / "tls")
    for lane in LANES:
        config = {"board": "esp32", "direction": lane.direction, "arm_switch": True}
        enrol_gate(api, lane.gate, flash_folder(folder, lane.gate), config)


def flash_folder(folder: Path, gate: str) -> Path:
    """What stands for the flash of a simulated gate."""
    return folder / "gates" / gate


def demo_stage(folder: Path, scratch: Path) -> dict[str, Any]:
    """What the simulation plays on; simulators/stage.py reads it.

    folder: where `enrol_devices` put the gates' flash. scratch: what the simulation may keep.
    """
    gates = [
        {
            "gate": lane.gate,
            "flash": str(flash_folder(folder, lane.gate)),
            "direction": lane.direction,
        }
        for lane in LANES
    ]
    held = [{"uid": card.uid, "level": card.level} for card in cards()]
    return {"folder": str(scratch), "site": SITE, "lot": LOT, "gates": gates, "cards": held}


def build_lot(api: Api, driver_email: str) -> None:
    """The lot with its floors, spaces, prices and cards; `api` is logged in as operator.

    driver_email: the account that the first few cards belong to.
    """
    lot = {
        "id": LOT,
        "site": SITE,
        "name": "Elm Street Car Park",
        "address": "1 Elm Street",
        "timezone": "Europe/Berlin",
        "walk_ups": "known",
    }
    if not _make(api, f"/api/v1/lots/{LOT}", "/api/v1/lots", lot):
        return
    _build_floors(api)
    prices = {
        "hourly_cents": {"standard": 250, "charging": 350},
        "free_minutes": 10,
        "step_minutes": 30,
        "daily_cap_cents": 1800,
    }
    api.post(f"/api/v1/lots/{LOT}/pricing-models", prices)
    people = api.get("/api/v1/users")["items"]
    driver = next(person["id"] for person in people if person["email"] == driver_email)
    for number, card in enumerate(cards()):
        body = {"uid": card.uid, "level": card.level, "note": f"Demo card {number + 1}"}
        owner = {"user_id": driver} if number < _CARDS_OF_THE_DRIVER else {}
        api.post("/api/v1/tags", body | owner)


def _build_floors(api: Api) -> None:
    plan: tuple[tuple[int, str, list[dict[str, Any]]], ...] = (
        (
            0,
            "Ground floor",
            [
                {"prefix": "A", "count": 24, "features": ["near_exit"]},
                {"prefix": "E", "count": 4, "type": "charging"},
                {"prefix": "B", "count": 4, "type": "accessible", "features": ["wide"]},
            ],
        ),
        (-1, "Basement", [{"prefix": "U", "count": 32, "features": ["covered"]}]),
    )
    for number, name, runs in plan:
        floor = api.post(f"/api/v1/lots/{LOT}/floors", {"number": number, "name": name})
        api.post(f"/api/v1/lots/{LOT}/floors/{floor['id']}/spaces", {"runs": runs})


def _make(api: Api, path: str, collection: str, body: dict[str, Any]) -> bool:
    """Create something that has an id of its own; False if it is there already."""
    try:
        api.get(path)
    except RefusedError as error:
        if error.status != 404:
            raise
        api.post(collection, body)
        return True
    return False
