"""What one gate's event costs the parking consumer, in CPU time of the cloud's process.

Cars with known cards and remote openings at one lot of 200 spaces, on real PostgreSQL: the event
of the decision, then that of the passage, each handled exactly once as the bus would have it. The
cars stay within the free minutes, so nobody pays: a charge is a matter of its own. CPU time of
this process alone; PostgreSQL's share is in `passage_wait_ms`, on the wall's clock.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import uvloop

from benchmarks._cloud import running_engines
from cloud.accounts.user import Role, User
from cloud.app import open_kit
from cloud.devices.events import DEVICE_EVENT, TOPIC, StoredEvent
from cloud.devices.gates.schemas import Direction, GateCreate, LaneCreate
from cloud.devices.sites.schemas import SiteCreate
from cloud.devices.wire import Devices
from cloud.events import wire as events
from cloud.events.event import Event
from cloud.kit.clock import to_ms
from cloud.kit.feature import Kit
from cloud.kit.settings import load_settings
from cloud.ledger.wire import Ledger
from cloud.parking import consumer
from cloud.parking.lots.kinds import SpaceType
from cloud.parking.lots.schemas import LotCreate
from cloud.parking.lots.service import LotPolicies
from cloud.parking.spaces.schemas import FloorCreate, SpaceRun, SpacesCreate
from cloud.parking.tags.schemas import TagClaim
from cloud.parking.tariffs.schemas import PricingModelCreate
from cloud.parking.wire import Parking
from cloud.realtime.notices import Notices
from protocols.portable import codes

SITE: Final = "elm-street"
LOT: Final = "elm"
IN: Final = "elm-in-1"
OUT: Final = "elm-out-1"
SPACES: Final = 200
CARS: Final = 120
WARM_UP: Final = 20


def run() -> dict[str, float]:
    """Figures by name."""
    with (
        running_engines() as engines,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measure(dict(engines.environment)))


class _Spent:
    """CPU and wall time of events of one sort."""

    def __init__(self) -> None:
        self.cpu_ms: list[float] = []
        self.wall_ms: list[float] = []

    def mean_cpu_ms(self) -> float:
        """Of those after the warm-up."""
        found = self.cpu_ms[WARM_UP:]
        return round(sum(found) / len(found), 2)

    def median_wall_ms(self) -> float:
        """Of those after the warm-up."""
        found = sorted(self.wall_ms[WARM_UP:])
        return round(found[len(found) // 2], 2)


class _Gates:
    """Makes events with the keys the gates would give them, and has them handled."""

    def __init__(self, kit: Kit, parking: Parking) -> None:
        self._kit = kit
        self._handle = consumer.handler(kit.database, parking.gate_events)
        self._seq = 0
        self._now = datetime.now(UTC) - timedelta(days=1)

    async def tell(self, spent: _Spent, gate: str, kind: str, **data: Any) -> None:  # noqa: ANN401
        """One event, one second after the last."""
        self._seq += 1
        self._now += timedelta(seconds=1)
        stored = StoredEvent(
            site=SITE,
            device=gate,
            boot=1,
            seq=self._seq,
            at_ms=to_ms(self._now),
            heard_ms=to_ms(self._now),
            clock=codes.CLOCK_SET,
            kind=kind,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )
        event = Event(
            id=self._kit.ids.new(),
            topic=TOPIC,
            key=gate,
            type=DEVICE_EVENT,
            at=self._now,
            payload=msgspec.Raw(msgspec.json.encode(stored)),
        )
        began, began_cpu = time.perf_counter(), time.process_time()
        await self._handle(event)
        spent.cpu_ms.append(1000 * (time.process_time() - began_cpu))
        spent.wall_ms.append(1000 * (time.perf_counter() - began))


async def _measure(environment: dict[str, str]) -> dict[str, float]:
    async with open_kit(load_settings(environment)) as kit:
        parking, uids = await _prepare(kit)
        gates = _Gates(kit, parking)
        decisions, entries, exits, remote = _Spent(), _Spent(), _Spent(), _Spent()
        for tap, uid in enumerate(uids, 1):
            told = {"uid": uid, "tap": tap, "reason": codes.WALK_UP}
            await gates.tell(decisions, IN, codes.ACCESS, **told)
            await gates.tell(entries, IN, codes.PASSAGE, tap=tap)
            await gates.tell(_Spent(), OUT, codes.ACCESS, **told)
            await gates.tell(exits, OUT, codes.PASSAGE, tap=tap)
            await gates.tell(remote, OUT, codes.PASSAGE, command="c1")
        passages = (entries, exits, remote)
        return {
            "passage_cpu_ms": round(sum(one.mean_cpu_ms() for one in passages) / len(passages), 2),
            "entry_cpu_ms": entries.mean_cpu_ms(),
            "exit_cpu_ms": exits.mean_cpu_ms(),
            "remote_cpu_ms": remote.mean_cpu_ms(),
            "decision_cpu_ms": decisions.mean_cpu_ms(),
            "passage_wait_ms": entries.median_wall_ms(),
        }


async def _prepare(kit: Kit) -> tuple[Parking, list[str]]:
    """A site, a lot with two gates, and a card for each car."""
    _, stream = events.wire(kit)
    # As in the process that has all roles: no message has to tell the relay.
    stream.outbox.wakeup.is_relay_here = True
    devices = Devices(kit, stream.outbox, policies=LotPolicies())
    parking = Parking(kit, devices=devices, ledger=Ledger(kit), notices=Notices(stream.outbox))
    staff = User(kit.ids.new(), kit.ids.new(), frozenset({Role.OPERATOR}))
    uids = [f"04{number:012x}" for number in range(CARS)]
    async with kit.database.session() as session:
        await devices.sites(session).create(staff.id, SiteCreate(id=SITE, name="Elm Street"))
        await parking.lots(session).create(staff, LotCreate(id=LOT, site=SITE, name="Elm"))
        floor = await parking.spaces(session).create_floor(staff, LOT, FloorCreate(0, "Ground"))
        runs = SpacesCreate(runs=[SpaceRun(prefix="A", count=SPACES)])
        await parking.spaces(session).create_spaces(staff, LOT, floor.id, runs)
        tariff = PricingModelCreate(hourly_cents={SpaceType.STANDARD: 200}, free_minutes=15)
        await parking.tariffs(session).add(staff, LOT, tariff)
        gates = devices.gates(session)
        for gate, direction in ((IN, Direction.ENTRY), (OUT, Direction.EXIT)):
            lane = LaneCreate(id=f"{gate}-lane", lot=LOT, name=gate, direction=direction)
            await gates.create_lane(staff.id, SITE, lane)
            await gates.create_gate(staff.id, SITE, GateCreate(id=gate, lane=lane.id))
    for uid in uids:
        async with kit.database.session() as session:
            await parking.tags(session).claim(kit.ids.new(), TagClaim(uid=uid))
    return parking, uids
