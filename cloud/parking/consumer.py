"""Hears what gates did, and hands each event to whoever it concerns; each exactly once in effect.

Events of one device come in its order, those of different devices in any; nothing here relies on
more than that.
"""

import time
from collections.abc import Callable
from typing import Final

from cloud.devices.errors import GateMissingError
from cloud.devices.events import DEVICE_EVENT, StoredEvent
from cloud.devices.events import TOPIC as DEVICES
from cloud.devices.gates.schemas import CODE_OF
from cloud.devices.gates.service import GateService
from cloud.events.bus import Bus
from cloud.events.event import Event, Handler
from cloud.events.once import exactly_once
from cloud.kit.clock import to_ms
from cloud.kit.database import AsyncSession, Database
from cloud.parking import live
from cloud.parking.access.service import AccessService
from cloud.parking.gate_events import CopyFacts, GateFacts, Where, event_id, happened_at, read
from cloud.parking.stays.exceptions import ExceptionKind, Exceptions, Oddity
from cloud.parking.stays.service import StayService
from protocols.portable import codes

GROUP: Final = "parking"
PLACES_FRESH_S: Final = 30.0

_PASSAGES: Final = frozenset({codes.PASSAGE, codes.TAILGATED})
_LANE_NEWS: Final = frozenset(
    {
        codes.BACKED_OUT,
        codes.OPENED,
        codes.FAULT,
        codes.RESTORED,
        codes.GATE_ONLINE,
        codes.GATE_OFFLINE,
    }
)
_OF_AGENTS: Final = frozenset({codes.GATE_ONLINE, codes.GATE_OFFLINE, codes.COPIED_CARD})
HEARD_KINDS: Final = _PASSAGES | _LANE_NEWS | {codes.ACCESS, codes.COPIED_CARD}


class Places:
    """Where gates stand, as the registry said lately; one for the process.

    The registry gives a gate its lane once and for all, so a little staleness is harmless.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[float, Where]] = {}

    async def find(self, gate: str, gates: GateService) -> Where | None:
        """The gate's place; None for a device that is no gate, such as an agent."""
        asked_s, where = self._known.get(gate, (0.0, None))
        if where is not None and self._seconds() - asked_s < PLACES_FRESH_S:
            return where
        try:
            found = await gates.get(gate)
        except GateMissingError:
            return None
        lane = found.lane
        where = Where(
            site=found.site, lot=lane.lot, lane=lane.id, direction=CODE_OF[lane.direction]
        )
        self._known[gate] = (self._seconds(), where)
        return where


class GateEvents:
    """What gates did, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        places: Places,
        gates: GateService,
        access: AccessService,
        stays: StayService,
        exceptions: Exceptions,
        notices: live.Live,
    ) -> None:
        self._session = session
        self._places = places
        self._gates = gates
        self._access = access
        self._stays = stays
        self._exceptions = exceptions
        self._notices = notices

    async def take(self, event: StoredEvent) -> None:
        """Handle one event; one of a kind that does not concern parking changes nothing."""
        if event.kind not in HEARD_KINDS:
            return
        # An agent tells these of its gates, not of itself.
        gate = read(event, GateFacts).gate if event.kind in _OF_AGENTS else event.device
        if gate is None:
            return
        where = await self._places.find(gate, self._gates)
        if where is None:
            return
        if event.kind == codes.ACCESS:
            row = await self._access.record(event, where)
            if row is not None:
                await self._stays.decided(row)
        elif event.kind in _PASSAGES:
            await self._stays.passed(event, where)
        elif event.kind == codes.COPIED_CARD:
            await self._report_copy(event, where)
        else:
            self._tell(event, gate, where)

    async def _report_copy(self, event: StoredEvent, where: Where) -> None:
        facts = read(event, CopyFacts)
        taps = f"{facts.earlier.told()}, then {facts.this.told()}"
        oddity = Oddity(
            kind=ExceptionKind.COPIED_CARD,
            subject=event_id(event),
            site=where.site,
            lot=where.lot,
            at=happened_at(event),
            detail=f"Card {facts.tag} exists twice: seen at {taps}.",
        )
        await self._exceptions.report(oddity)

    def _tell(self, event: StoredEvent, gate: str, where: Where) -> None:
        notice = live.LaneNotice(
            lane=where.lane, gate=gate, kind=event.kind, at_ms=to_ms(happened_at(event))
        )
        self._notices.lot(self._session, where.lot, live.LANE, notice)


def subscribe(bus: Bus, database: Database, make: Callable[[AsyncSession], GateEvents]) -> None:
    """Have the bus deliver devices' events here."""
    bus.subscribe(GROUP, handler(database, make), topics={DEVICES})


def handler(database: Database, make: Callable[[AsyncSession], GateEvents]) -> Handler:
    """What the bus calls with each event of a device."""

    async def take(session: AsyncSession, event: Event) -> None:
        await make(session).take(event.read(StoredEvent))

    once = exactly_once(database, GROUP, take)

    async def handle(event: Event) -> None:
        # Most events are diagnostics of no interest here; they cost no transaction.
        if event.type == DEVICE_EVENT and event.read(StoredEvent).kind in HEARD_KINDS:
            await once(event)

    return handle
