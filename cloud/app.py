"""The composition root: the one place that sees every feature, builds each, and joins them.

To add a feature, give it a `wire.py` (see `cloud/kit/feature.py`) and a line in `wire_features`,
lower features first; hand it the services of those it stands on. Nothing is found by magic.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide

from cloud import operations
from cloud.accounts.wire import Accounts
from cloud.accounts.wire import wire as wire_accounts
from cloud.audit import wire as audit
from cloud.devices import wire as devices
from cloud.devices.live import RoomLive, SiteRoom
from cloud.events import wire as events
from cloud.exchange import wire as trading_venue
from cloud.exchange.alpaca.errors import shaped
from cloud.kit.clock import Clock, SystemClock, clock_from
from cloud.kit.crypto import load_or_create_cipher
from cloud.kit.database import AsyncSession, Database, open_database
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.kit.idempotency import OnceProvider, forget_old_keys
from cloud.kit.ids import TimeOrderedIds
from cloud.kit.paging import provide_page
from cloud.kit.problems import EXCEPTION_HANDLERS
from cloud.kit.redis import open_redis
from cloud.kit.requests import RecordedRequests
from cloud.kit.settings import Settings
from cloud.ledger.wire import Ledger
from cloud.ledger.wire import wire as wire_ledger
from cloud.openapi import DescribeAccess, DocsController, openapi_config
from cloud.parking import wire as parking
from cloud.parking.lots.service import LotPolicies
from cloud.parking.rooms import LotRoom, UserRoom
from cloud.realtime.wire import Realtime
from cloud.realtime.wire import wire as wire_realtime

log = structlog.get_logger()


def wire_features(kit: Kit) -> tuple[Feature, ...]:
    """Every feature, lower ones first. This list is the map of the cloud."""
    events_feature, stream = events.wire(kit)
    accounts = Accounts(kit)
    ledger = Ledger(kit)
    realtime = Realtime(kit, stream)
    site_devices = devices.Devices(
        kit, stream.outbox, policies=LotPolicies(), live=RoomLive(realtime.hub)
    )
    car_parks = parking.Parking(kit, devices=site_devices, ledger=ledger, notices=realtime.notices)
    exchange = trading_venue.Exchange(
        kit, stream, accounts=accounts, ledger=ledger, realtime=realtime
    )
    for room in (
        SiteRoom(site_devices),
        LotRoom(kit.database, car_parks.occupancy),
        UserRoom(kit.database),
    ):
        realtime.rooms.add(room)
    return (
        operations.wire(kit),
        events_feature,
        wire_accounts(accounts),
        audit.wire(kit),
        wire_ledger(kit, ledger),
        wire_realtime(kit, realtime, accounts.access_tokens),
        devices.wire(site_devices),
        parking.wire(kit, car_parks, stream.bus),
        trading_venue.wire(exchange),
    )


@asynccontextmanager
async def open_kit(
    settings: Settings, clock: Clock | None = None, real_clock: Clock | None = None
) -> AsyncIterator[Kit]:
    """The process's shared tools, connected; closed when the block ends.

    The clocks are the tests'; without them, the settings say which.
    """
    clock = clock or clock_from(settings.clock_file)
    cipher = await asyncio.to_thread(load_or_create_cipher, settings.keys_dir)
    async with open_database(settings) as database, open_redis(settings) as redis:
        yield Kit(
            settings=settings,
            database=database,
            redis=redis,
            clock=clock,
            real_clock=real_clock or SystemClock(),
            ids=TimeOrderedIds(clock),
            cipher=cipher,
            acts=audit.make_trail(settings, clock),
        )


def build_app(kit: Kit, features: Sequence[Feature], *, has_api: bool = True) -> Litestar:
    """The web application of these features; without `has_api` only health and metrics answer."""
    served = features if has_api else features[:1]
    settings = kit.settings
    return Litestar(
        route_handlers=[
            *(route for feature in served for route in feature.routes),
            *([DocsController] if has_api else []),
        ],
        dependencies={
            "session": Provide(_session_of(kit.database)),
            "page": Provide(provide_page),
            "once": Provide(OnceProvider(kit.clock, kit.cipher)),
        }
        | {name: Provide(make) for f in served for name, make in f.dependencies.items()},
        state=State({name: value for f in features for name, value in f.state.items()}),
        exception_handlers=shaped(EXCEPTION_HANDLERS),
        openapi_config=openapi_config(settings) if has_api else None,
        cors_config=_cors(settings),
        request_max_body_size=settings.body_bytes_max,
        plugins=[DescribeAccess()],
        logging_config=None,
        debug=False,
    )


def build_asgi(kit: Kit, features: Sequence[Feature], *, has_api: bool = True) -> RecordedRequests:
    """What the web server runs: the application within its records."""
    app = build_app(kit, features, has_api=has_api)
    is_https = kit.settings.public_url.startswith("https://")
    return RecordedRequests(app, kit.ids, is_https=is_https)


@asynccontextmanager
async def running(
    kit: Kit, features: Sequence[Feature], roles: frozenset[ProcessRole]
) -> AsyncIterator[None]:
    """Resources open and tasks of these roles running, until the block ends.

    A task that fails ends the block with its exception: whoever supervises the process restarts it.
    """
    async with AsyncExitStack() as stack:
        for feature in features:
            for resource in feature.resources:
                await stack.enter_async_context(resource())
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_run(task), name=task.name)
                for task in (*_own_tasks(kit), *(t for f in features for t in f.tasks))
                if task.role in roles
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()


async def _run(task: NamedTask) -> None:
    log.info("task_started", task=task.name)
    with structlog.contextvars.bound_contextvars(task=task.name):
        await task.run()


def _own_tasks(kit: Kit) -> tuple[NamedTask, ...]:
    every = timedelta(hours=1)

    async def forget_keys() -> None:
        while True:
            async with kit.database.session() as session:
                await forget_old_keys(session, kit.clock.now())
            await asyncio.sleep(every.total_seconds())

    return (NamedTask("forget-idempotency-keys", ProcessRole.API, forget_keys),)


def _session_of(database: Database) -> Callable[[], AsyncIterator[AsyncSession]]:
    async def provide_session() -> AsyncIterator[AsyncSession]:
        async with database.session() as session:
            yield session

    return provide_session


def _cors(settings: Settings) -> CORSConfig | None:
    if not settings.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Correlation-Id"],
        expose_headers=["X-Correlation-Id", "Retry-After"],
        max_age=600,
    )
