"""How parking joins the others: `Parking` makes its services for one session each."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from litestar.di import NamedDependency

from cloud.devices.wire import Devices
from cloud.events.bus import Bus
from cloud.events.retry import is_passing
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.ledger.wire import Ledger
from cloud.parking import consumer, live
from cloud.parking.access.routes import AccessController
from cloud.parking.access.service import AccessService
from cloud.parking.allocation.service import AllocationService
from cloud.parking.bookings.routes import BookingsController
from cloud.parking.bookings.service import BookingService
from cloud.parking.lots.occupancy import OccupancyService
from cloud.parking.lots.routes import LotsController
from cloud.parking.lots.service import LotService
from cloud.parking.payments.receipts import ReceiptService
from cloud.parking.payments.routes import PaymentsController
from cloud.parking.payments.service import PaymentService
from cloud.parking.reports.routes import ReportsController
from cloud.parking.reports.service import ReportService
from cloud.parking.rights.permits import PermitService
from cloud.parking.rights.routes import PermitsController
from cloud.parking.rights.service import RightsComputer
from cloud.parking.spaces.routes import SpacesController
from cloud.parking.spaces.service import SpaceService
from cloud.parking.stays.exceptions import Exceptions
from cloud.parking.stays.pricing import StayPricing
from cloud.parking.stays.routes import StaysController
from cloud.parking.stays.service import StayService
from cloud.parking.stays.settlement import Settlement
from cloud.parking.tags.routes import TagsController
from cloud.parking.tags.service import Tags, TagService
from cloud.parking.tariffs.routes import TariffsController
from cloud.parking.tariffs.service import TariffService
from cloud.parking.vehicles.routes import VehiclesController
from cloud.parking.vehicles.service import VehicleService

REVIEW_EVERY_S: Final = 5.0

log = structlog.get_logger()


class Parking:
    """What lives as long as the process, and the services it makes for one session each."""

    def __init__(
        self,
        kit: Kit,
        *,
        devices: Devices,
        ledger: Ledger,
        notices: live.Live,
    ) -> None:
        self._kit = kit
        self._devices = devices
        self._ledger = ledger
        self._notices = notices
        self._places = consumer.Places()

    def lots(self, session: AsyncSession) -> LotService:
        """Lots, within this session."""
        return LotService(
            session,
            self.rights(session),
            clock=self._kit.clock,
            acts=self._kit.acts,
            desired=self._devices.desired,
        )

    def spaces(self, session: AsyncSession) -> SpaceService:
        """Floors and spaces, within this session."""
        return SpaceService(session, ids=self._kit.ids, acts=self._kit.acts)

    def occupancy(self, session: AsyncSession) -> OccupancyService:
        """How full lots are, within this session."""
        return OccupancyService(
            session,
            self.lots(session),
            clock=self._kit.clock,
            acts=self._kit.acts,
            notices=self._notices,
        )

    def tariffs(self, session: AsyncSession) -> TariffService:
        """Tariffs, within this session."""
        return TariffService(
            session,
            self.lots(session),
            clock=self._kit.clock,
            ids=self._kit.ids,
            acts=self._kit.acts,
        )

    def vehicles(self, session: AsyncSession) -> VehicleService:
        """Vehicles, within this session."""
        return VehicleService(
            session, clock=self._kit.clock, ids=self._kit.ids, cipher=self._kit.cipher
        )

    def rights(self, session: AsyncSession) -> RightsComputer:
        """Rights, within this session."""
        return RightsComputer(
            session,
            self._devices.rights,
            clock=self._kit.clock,
            ids=self._kit.ids,
            acts=self._kit.acts,
        )

    def permits(self, session: AsyncSession) -> PermitService:
        """Permits, within this session."""
        return PermitService(
            session,
            lots=self.lots(session),
            tags=Tags(session),
            rights=self.rights(session),
            clock=self._kit.clock,
            ids=self._kit.ids,
            acts=self._kit.acts,
        )

    def tags(self, session: AsyncSession) -> TagService:
        """Cards, within this session."""
        return TagService(
            session,
            self.rights(session),
            self.vehicles(session),
            clock=self._kit.clock,
            ids=self._kit.ids,
            cipher=self._kit.cipher,
            acts=self._kit.acts,
        )

    def payments(self, session: AsyncSession) -> PaymentService:
        """Payments, within this session."""
        return PaymentService(
            session,
            self._ledger.service(session),
            clock=self._kit.clock,
            ids=self._kit.ids,
            notices=self._notices,
        )

    def bookings(self, session: AsyncSession) -> BookingService:
        """Bookings, within this session."""
        return BookingService(
            session,
            lots=self.lots(session),
            spaces=self.spaces(session),
            allocation=AllocationService(session),
            tariffs=self.tariffs(session),
            tags=Tags(session),
            vehicles=self.vehicles(session),
            payments=self.payments(session),
            rights=self.rights(session),
            clock=self._kit.clock,
            ids=self._kit.ids,
            notices=self._notices,
        )

    def exceptions(self, session: AsyncSession) -> Exceptions:
        """Exceptions, within this session."""
        return Exceptions(session, clock=self._kit.clock, acts=self._kit.acts)

    def access(self, session: AsyncSession) -> AccessService:
        """The access log, within this session."""
        return AccessService(
            session,
            lots=self.lots(session),
            tags=Tags(session),
            rights=self.rights(session),
            exceptions=self.exceptions(session),
            notices=self._notices,
        )

    def stays(self, session: AsyncSession) -> StayService:
        """Stays, within this session."""
        lots, bookings = self.lots(session), self.bookings(session)
        return StayService(
            session,
            lots=lots,
            occupancy=self.occupancy(session),
            bookings=bookings,
            settlement=Settlement(
                session,
                payments=self.payments(session),
                pricing=StayPricing(
                    lots=lots,
                    spaces=self.spaces(session),
                    tariffs=self.tariffs(session),
                    bookings=bookings,
                ),
            ),
            exceptions=self.exceptions(session),
            clock=self._kit.clock,
            acts=self._kit.acts,
            notices=self._notices,
        )

    def reports(self, session: AsyncSession) -> ReportService:
        """Overviews, within this session."""
        return ReportService(
            session,
            lots=self.lots(session),
            occupancy=self.occupancy(session),
            clock=self._kit.clock,
        )

    def receipts(self, session: AsyncSession) -> ReceiptService:
        """Receipts, within this session."""
        return ReceiptService(
            lots=self.lots(session),
            bookings=self.bookings(session),
            stays=self.stays(session),
            payments=self.payments(session),
        )

    def gate_events(self, session: AsyncSession) -> consumer.GateEvents:
        """What gates did, within this session."""
        return consumer.GateEvents(
            session,
            places=self._places,
            gates=self._devices.gates(session),
            access=self.access(session),
            stays=self.stays(session),
            exceptions=self.exceptions(session),
            notices=self._notices,
        )

    async def review_once(self) -> None:
        """What time alone changes: holds run out, bookings are missed, lots become full or free."""
        sessions = self._kit.database.session
        async with sessions() as session:
            held, missed = (
                await self.bookings(session).held_too_long(),
                await self.bookings(session).missed(),
            )
            lots = await self.occupancy(session).lots_to_review(self._kit.clock.now())
        # One booking a transaction: it locks a card and a wallet that others may want.
        for booking_id in held:
            async with sessions() as session:
                await self.bookings(session).expire(booking_id)
        for booking_id in missed:
            async with sessions() as session:
                await self.bookings(session).miss(booking_id)
        for lot in lots:
            async with sessions() as session:
                await self.occupancy(session).review(lot)

    async def review_for_ever(self) -> None:
        """Every few seconds; an outage of the database is waited out."""
        is_failing = False
        while True:
            try:
                await self.review_once()
                is_failing = False
            except Exception as error:
                if not is_passing(error):
                    raise
                if not is_failing:
                    log.warning("parking_review_waits", error=str(error))
                is_failing = True
            await asyncio.sleep(REVIEW_EVERY_S)


def wire(kit: Kit, parking: Parking, bus: Bus) -> Feature:
    """Routes, dependencies and tasks of parking; subscribes to what devices tell."""
    consumer.subscribe(bus, kit.database, parking.gate_events)
    return Feature(
        "parking",
        routes=(
            AccessController,
            BookingsController,
            LotsController,
            PaymentsController,
            PermitsController,
            ReportsController,
            SpacesController,
            StaysController,
            TagsController,
            TariffsController,
            VehiclesController,
        ),
        dependencies=_dependencies(parking),
        tasks=(NamedTask("parking-review", ProcessRole.PARKING, parking.review_for_ever),),
    )


def _dependencies(parking: Parking) -> dict[str, Callable[..., object]]:
    async def lots(session: NamedDependency[AsyncSession]) -> LotService:
        return parking.lots(session)

    async def spaces(session: NamedDependency[AsyncSession]) -> SpaceService:
        return parking.spaces(session)

    async def occupancy(session: NamedDependency[AsyncSession]) -> OccupancyService:
        return parking.occupancy(session)

    async def tariffs(session: NamedDependency[AsyncSession]) -> TariffService:
        return parking.tariffs(session)

    async def vehicles(session: NamedDependency[AsyncSession]) -> VehicleService:
        return parking.vehicles(session)

    async def tags(session: NamedDependency[AsyncSession]) -> TagService:
        return parking.tags(session)

    async def permits(session: NamedDependency[AsyncSession]) -> PermitService:
        return parking.permits(session)

    async def parking_rights(session: NamedDependency[AsyncSession]) -> RightsComputer:
        return parking.rights(session)

    async def bookings(session: NamedDependency[AsyncSession]) -> BookingService:
        return parking.bookings(session)

    async def payments(session: NamedDependency[AsyncSession]) -> PaymentService:
        return parking.payments(session)

    async def access_log(session: NamedDependency[AsyncSession]) -> AccessService:
        return parking.access(session)

    async def stays(session: NamedDependency[AsyncSession]) -> StayService:
        return parking.stays(session)

    async def parking_exceptions(session: NamedDependency[AsyncSession]) -> Exceptions:
        return parking.exceptions(session)

    async def reports(session: NamedDependency[AsyncSession]) -> ReportService:
        return parking.reports(session)

    async def receipts(session: NamedDependency[AsyncSession]) -> ReceiptService:
        return parking.receipts(session)

    return {
        "lots": lots,
        # Not `spaces`, which is a field of a body; tests/cloud/test_dependency_names.py.
        "floor_plan": spaces,
        "occupancy": occupancy,
        "tariffs": tariffs,
        "vehicles": vehicles,
        "tags": tags,
        "permits": permits,
        "parking_rights": parking_rights,
        "bookings": bookings,
        "payments": payments,
        "access_log": access_log,
        "stays": stays,
        "parking_exceptions": parking_exceptions,
        "receipts": receipts,
        "reports": reports,
    }
