"""A car park to play with: a site, two lanes with gates, spaces, a tariff, drivers with cards."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cloud.accounts.user import Role, User
from cloud.devices.events import StoredEvent
from cloud.devices.gates.schemas import Direction, GateCreate, LaneCreate
from cloud.devices.sites.schemas import SiteCreate
from cloud.devices.wire import Devices
from cloud.events import wire as events
from cloud.kit.clock import ManualClock, to_ms
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Kit
from cloud.kit.money import Money
from cloud.ledger.wire import Ledger
from cloud.parking.live import Live
from cloud.parking.lots.kinds import SpaceType
from cloud.parking.lots.schemas import LotCreate
from cloud.parking.lots.service import LotPolicies
from cloud.parking.spaces.schemas import FloorCreate, SpaceRun, SpacesCreate
from cloud.parking.tags.schemas import Tag, TagClaim
from cloud.parking.tariffs.schemas import PricingModelCreate
from cloud.parking.wire import Parking
from protocols.portable import codes

SITE, LOT = "elm-street", "elm"
GATE_IN, GATE_OUT = "elm-in-1", "elm-out-1"
PASSWORD = "correct horse battery"


class Heard(Live):
    """Keeps what was told, for tests to look at."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, str, msgspec.Struct]] = []

    def lot(self, session: AsyncSession, lot: str, event: str, data: msgspec.Struct) -> None:
        self.notices.append((f"lot:{lot}", event, data))

    def user(self, session: AsyncSession, user_id: UUID, event: str, data: msgspec.Struct) -> None:
        self.notices.append((f"user:{user_id}", event, data))


@dataclass
class Driver:
    """A user with a card and money."""

    id: UUID
    uid: str
    tag: Tag


@dataclass
class Gate:
    """Makes the events a gate makes, with the keys it would give them."""

    device: str
    direction: int
    boot: int = 1
    seq: int = 0
    tap: int = 0

    def event(self, kind: str, at: datetime, **data: Any) -> StoredEvent:
        made = StoredEvent(
            site=SITE,
            device=self.device,
            boot=self.boot,
            seq=self.seq,
            at_ms=to_ms(at),
            heard_ms=to_ms(at),
            clock=codes.CLOCK_SET,
            kind=kind,
            data=msgspec.Raw(msgspec.json.encode({"direction": self.direction} | data)),
        )
        self.seq += 1
        return made

    def decides(self, at: datetime, reason: str, **data: Any) -> StoredEvent:
        """An `access` event: the next tap of this gate."""
        self.tap += 1
        told = {"tap": self.tap, "reason": reason, "mode": codes.AGENT, "list_version": 7}
        return self.event(codes.ACCESS, at, **(told | data))

    def passed(self, at: datetime, tap: int | None = None) -> StoredEvent:
        """A `passage` event of the last tap, or the one named."""
        return self.event(codes.PASSAGE, at, tap=self.tap if tap is None else tap)

    def lets_through(self, at: datetime, uid: str, reason: str, **data: Any) -> list[StoredEvent]:
        """A card is admitted and its car drives through four seconds later."""
        return [
            self.decides(at, reason, uid=uid, **data),
            self.passed(at + timedelta(seconds=4)),
        ]


@dataclass
class World:
    """Everything a test of parking needs, on a real database."""

    kit: Kit
    clock: ManualClock
    parking: Parking
    devices: Devices
    ledger: Ledger
    heard: Heard
    operator: User
    entry: Gate = field(default_factory=lambda: Gate(GATE_IN, codes.ENTRY))
    exit: Gate = field(default_factory=lambda: Gate(GATE_OUT, codes.EXIT))
    _drivers: int = 0

    async def driver(self, cents: int = 0) -> Driver:
        """A user with one card and so much money."""
        self._drivers += 1
        uid = f"04{self._drivers:012x}"
        user_id = self.kit.ids.new()
        async with self.kit.database.session() as session:
            tag = await self.parking.tags(session).claim(user_id, TagClaim(uid=uid))
            if cents:
                await self.top_up(session, user_id, cents)
        return Driver(user_id, uid, tag)

    async def top_up(self, session: AsyncSession, user_id: UUID, cents: int) -> None:
        client_id = f"test:{self.kit.ids.new()}"
        await self.ledger.service(session).top_up(
            user_id, Money(cents, "EUR"), client_id=client_id, source="test"
        )

    async def take(self, *events_heard: StoredEvent) -> None:
        """Deliver events, each in a transaction of its own."""
        for event in events_heard:
            async with self.kit.database.session() as session:
                await self.parking.gate_events(session).take(event)

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What PostgreSQL says."""
        return [dict(row) for row in await self.kit.database.pool.fetch(query, *values)]


@pytest.fixture
async def world(kit: Kit, clock: ManualClock) -> World:
    """A site with a lot of 20 spaces, 2.00 an hour, 15 minutes free, walk-ups with known cards."""
    _, stream = events.wire(kit)
    devices = Devices(kit, stream.outbox, policies=LotPolicies())
    ledger, heard = Ledger(kit), Heard()
    parking = Parking(kit, devices=devices, ledger=ledger, notices=heard)
    operator = User(kit.ids.new(), kit.ids.new(), frozenset({Role.OPERATOR}))
    async with kit.database.session() as session:
        await devices.sites(session).create(operator.id, SiteCreate(id=SITE, name="Elm Street"))
    made = World(kit, clock, parking, devices, ledger, heard, operator)
    await make_lot(made)
    return made


async def make_lot(world: World, lot: str = LOT, spaces: int = 20, **policy: Any) -> None:
    """A lot with one floor, numbered standard spaces, one lane in and one out."""
    async with world.kit.database.session() as session:
        parking, operator = world.parking, world.operator
        create = LotCreate(id=lot, site=SITE, name=lot.title(), timezone="Europe/Berlin", **policy)
        await parking.lots(session).create(operator, create)
        floor = await parking.spaces(session).create_floor(operator, lot, FloorCreate(0, "Ground"))
        runs = SpacesCreate(runs=[SpaceRun(prefix="A", count=spaces)])
        await parking.spaces(session).create_spaces(operator, lot, floor.id, runs)
        await parking.occupancy(session).review(lot)
        tariff = PricingModelCreate(
            hourly_cents={SpaceType.STANDARD: 200},
            free_minutes=15,
            step_minutes=30,
            daily_cap_cents=1_500,
        )
        await parking.tariffs(session).add(operator, lot, tariff)
        gates = world.devices.gates(session)
        for gate, direction in ((f"{lot}-in-1", Direction.ENTRY), (f"{lot}-out-1", Direction.EXIT)):
            lane = LaneCreate(id=f"{gate}-lane", lot=lot, name=gate, direction=direction)
            await gates.create_lane(operator.id, SITE, lane)
            await gates.create_gate(operator.id, SITE, GateCreate(id=gate, lane=lane.id))
