"""The edge agent put together: one store, two links, and the tasks that run between them."""

import asyncio
import ssl
import sys
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from typing import Any, Final

import structlog

from edge_agent.book import Book
from edge_agent.broker_users import BrokerUsers
from edge_agent.clock import Clock, TrustedClock
from edge_agent.cloud_link import CloudLink, online_message
from edge_agent.gate_events import EventIntake
from edge_agent.gate_lists import GateLists
from edge_agent.gate_orders import GateOrders
from edge_agent.gate_state import Knowledge, load_states
from edge_agent.gate_wire import GateWire
from edge_agent.gates import Gates
from edge_agent.health import write_health
from edge_agent.identity import Identity
from edge_agent.issuer import Issuer
from edge_agent.keeper import RightsKeeper, age_ms
from edge_agent.link import Link, LinkOptions
from edge_agent.orders import OrderDesk, Refusal
from edge_agent.outbox import Outbox
from edge_agent.picture import Picture, PictureProblemError, read_picture
from edge_agent.quarantine import Quarantine
from edge_agent.rights import ListState
from edge_agent.settings import Settings
from edge_agent.store import FILE, Store, StoreError, get_meta, set_meta
from protocols.portable import codes, topics, version
from protocols.site import SiteReport

CLOCK_LOOK_S: Final = 1.0
ORDER_LIVES_MS_MAX: Final = 60_000
# A list being checked in a thread may keep a tap waiting for one such interval.
SWITCH_INTERVAL_S: Final = 0.0005

log = structlog.get_logger()


def agent_version() -> str:
    """The version of the installed distribution."""
    try:
        return package_version("curb-exchange")
    except PackageNotFoundError:
        return "unknown"


class Agent:
    """One site's agent; `run` serves until cancelled."""

    def __init__(self, settings: Settings, identity: Identity, clock: Clock) -> None:
        """Open the store and load what it holds; the links are made by `run`.

        Raises:
            StoreError: the database cannot be opened.
        """
        self._settings = settings
        self._identity = identity
        self._store = store = Store(settings.data_dir / FILE)
        signed_at_ms = store.read_now(lambda c: get_meta(c, "signed_at_ms")) or 0
        self._signed_stored_ms = signed_at_ms
        self._clock = TrustedClock(clock, signed_at_ms)
        self._book = Book()
        store.read_now(lambda c: self._book.load(c, self._clock.now_ms()))
        self._outbox = Outbox(
            store, self._clock, device=identity.name, depth_max=settings.outbox_max
        )
        self._quarantine = Quarantine(self._outbox, self._clock)
        self._picture = self._stored_picture()
        self._keeper = RightsKeeper(
            store,
            self._clock,
            site=identity.site,
            site_key=identity.site_key,
            on_change=self._rights_changed,
        )
        self._issuer = Issuer(store, self._clock, identity.site_key)
        self._desk = OrderDesk(store, self._clock, site=identity.site, site_key=identity.site_key)
        self._lists = GateLists(
            store,
            self._clock,
            self._issuer,
            entries_max=settings.gate_list_entries_max,
            gather_s=settings.gate_list_after_s,
        )
        self._users = BrokerUsers(
            identity.site,
            users_file=settings.site_broker_users_file,
            pid_file=settings.site_broker_pid_file,
            kind=settings.site_broker_kind,
        )
        self._cloud = CloudLink(
            identity.site,
            self._clock,
            self._outbox,
            workers={
                topics.SITE_RIGHTS: self._keeper.take,
                topics.SITE_DESIRED: self._take_picture,
                topics.SITE_COMMAND: self._take_order,
            },
            make_report=self._report,
            report_every_s=settings.report_every_s,
        )
        states = store.read_now(load_states)
        self._wire = wire = GateWire(self._quarantine)
        self._intake = EventIntake(store, self._clock, self._outbox, self._book, states, wire)
        self._gate_orders = GateOrders(
            self._clock,
            self._issuer,
            states,
            wire,
            boot=self._outbox.boot,
            picture=lambda: self._picture,
        )
        self._gates = Gates(
            store,
            self._clock,
            self._outbox,
            self._quarantine,
            self._book,
            self._issuer,
            self._lists,
            states,
            wire,
            self._intake,
            self._gate_orders,
            know=self._know,
            linked=lambda: self._cloud.is_in_touch,
            on_change=self._cloud.report_soon,
        )
        self._site_link = wire.link = self._make_site_link()
        self._cloud_link = self._cloud.link = self._make_cloud_link()

    async def run(self) -> None:
        """Serve until cancelled; then everything taken in is stored."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._users.admit(self._picture.lanes)
        storing = asyncio.create_task(self._store.run_forever(), name="store")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_fail_with(storing), name="store-watch")
                for name, work in self._tasks().items():
                    group.create_task(work, name=name)
        finally:
            # Last of all, since every other task may still post to it while it ends.
            storing.cancel()
            with suppress(asyncio.CancelledError):
                await storing
            self._store.close()

    def _tasks(self) -> dict[str, Any]:
        return {
            "site-link": self._site_link.run_forever(),
            "cloud-link": self._cloud_link.run_forever(),
            "acks": self._intake.send_acks(),
            "gate-orders": self._gate_orders.run_forever(),
            "gate-lists": self._lists.run_forever(
                lambda: (self._picture, self._keeper.state), self._gates.announce
            ),
            "events": self._cloud.send_events(),
            "reports": self._cloud.send_reports(),
            "rights": self._cloud.work(topics.SITE_RIGHTS),
            "picture": self._cloud.work(topics.SITE_DESIRED),
            "orders": self._cloud.work(topics.SITE_COMMAND),
            "clock": self._watch_clock(),
            "health": self._write_health(),
        }

    # --- what comes from the cloud ------------------------------------------------------------

    def _stored_picture(self) -> Picture:
        payload = self._store.read_now(lambda c: get_meta(c, "desired"))
        if payload is None:
            return Picture()
        try:
            return self._read_picture(payload, Picture()) or Picture()
        except PictureProblemError as error:
            log.warning("stored_picture_refused", why=str(error))
            return Picture()

    def _read_picture(self, payload: bytes, current: Picture) -> Picture | None:
        return read_picture(
            payload,
            site=self._identity.site,
            site_key=self._identity.site_key,
            current=current,
        )

    async def _take_picture(self, payload: bytes) -> None:
        try:
            picture = self._read_picture(payload, self._picture)
            if picture is None:
                return
            await self._store.run(lambda c: set_meta(c, "desired", payload))
        except PictureProblemError as error:
            log.warning("picture_refused", code=error.code, why=str(error))
            self._quarantine.put(self._identity.name, error.code, payload, str(error))
            return
        except StoreError as error:
            log.warning("picture_not_stored", why=str(error))
            return
        self._picture = picture
        self._clock.note_signed(picture.issued_at_ms)
        log.info("picture_applied", version=picture.version, gates=sorted(picture.lanes))
        self._users.admit(picture.lanes)
        for gate in picture.lanes:
            self._gate_orders.settle_service(gate)
        self._lists.change()
        self._cloud.report_soon()

    async def _take_order(self, payload: bytes) -> None:
        try:
            order = await self._desk.accept(payload, frozenset(self._picture.lanes))
            if isinstance(order, Refusal):
                self._tell_refusal(order)
                return
            self._clock.note_signed(order.issued_at_ms)
            if order.op == codes.OP_TIME:
                self._tell_order(order.id, order.device, order.op, codes.DONE)
                return
            longest = version.OPEN_EXPIRES_MS_MAX if order.op == codes.OP_OPEN else None
            left_ms = order.expires_at_ms - self._clock.now_ms()
            sent = await self._gate_orders.order(
                order.device,
                order.id,
                order.op,
                order.args,
                expires_ms=min(left_ms, longest or ORDER_LIVES_MS_MAX),
            )
            if not sent:
                # When it is sent, the gate itself tells how it ended.
                self._tell_order(order.id, order.device, order.op, codes.REFUSED_NOT_NOW)
        except StoreError as error:
            log.warning("order_not_obeyed", why=str(error))

    def _tell_refusal(self, refusal: Refusal) -> None:
        log.warning("order_refused", code=refusal.code, why=refusal.message)
        body = refusal.body
        if body is None:
            self._tell_order(None, None, None, refusal.code)
        else:
            self._tell_order(body.id, body.device, body.op, refusal.code)

    def _tell_order(self, id_: str | None, device: str | None, op: str | None, result: str) -> None:
        facts = {"id": id_, "device": device, "gate": device, "op": op, "result": result}
        self._outbox.report(codes.COMMAND, facts)

    # --- what others ask ----------------------------------------------------------------------

    def _know(self) -> Knowledge:
        return Knowledge(self._picture, self._keeper.index, self._keeper.state)

    def _rights_changed(self) -> None:
        self._lists.change()
        self._cloud.report_soon()

    async def _report(self) -> SiteReport:
        state: ListState = self._keeper.state
        return SiteReport(
            v=version.VERSION,
            site=self._identity.site,
            boot=self._outbox.boot,
            at_ms=self._clock.now_ms(),
            agent=agent_version(),
            desired_version=self._picture.version,
            rights_version=state.version,
            rights_hash=state.hash,
            rights_count=state.count,
            rights_problem=self._keeper.problem,
            outbox=self._outbox.depth,
            oldest_event_ms=await self._outbox.oldest_ms(),
            gates=self._gates.health(),
            want_full=self._keeper.wants_full,
        )

    # --- tasks --------------------------------------------------------------------------------

    async def _watch_clock(self) -> None:
        told_up_ms = self._clock.up_ms()
        while True:
            await asyncio.sleep(CLOCK_LOOK_S)
            jump_ms = self._clock.take_jump_ms()
            if jump_ms and not self._clock.is_driven:
                log.warning("clock_jumped", by_ms=jump_ms)
                self._outbox.report(codes.CLOCK, {"jump_ms": jump_ms})
            up_ms = self._clock.up_ms()
            if jump_ms or up_ms - told_up_ms >= self._settings.time_every_s * 1000:
                told_up_ms = up_ms
                self._gate_orders.tell_time_to_all()
            signed_at_ms = self._clock.signed_at_ms
            if signed_at_ms - self._signed_stored_ms > 60_000:
                self._signed_stored_ms = signed_at_ms
                self._store.post(partial(set_meta, key="signed_at_ms", value=signed_at_ms))

    async def _write_health(self) -> None:
        while True:
            try:
                facts = self._health(await self._outbox.oldest_ms())
                await asyncio.to_thread(write_health, self._settings.data_dir, facts)
            except (OSError, StoreError) as error:
                log.warning("health_not_written", why=str(error))
            await asyncio.sleep(self._settings.health_every_s)

    def _health(self, oldest_ms: int | None) -> dict[str, Any]:
        state = self._keeper.state
        return {
            "site": self._identity.site,
            "agent": agent_version(),
            "boot": self._outbox.boot,
            "at_ms": self._clock.now_ms(),
            "clock": self._clock.quality(),
            "site_broker_up": self._site_link.is_up,
            "cloud_in_touch": self._cloud.is_in_touch,
            "gates": {
                health.gate: {
                    "online": health.online,
                    "lane": (health.report or {}).get("lane"),
                    "heard_ms": health.heard_ms,
                }
                for health in self._gates.health()
            },
            "outbox": self._outbox.depth,
            "oldest_event_ms": oldest_ms,
            "left_out": self._outbox.left_out,
            "quarantined": self._quarantine.count,
            "desired_version": self._picture.version,
            "rights": {
                "version": state.version,
                "count": state.count,
                "age_ms": age_ms(state, self._clock),
                "problem": self._keeper.problem,
            },
        }

    # --- links --------------------------------------------------------------------------------

    def _make_site_link(self) -> Link:
        options = LinkOptions(
            name="site",
            host=self._settings.site_broker_host,
            port=self._settings.site_broker_port,
            # Gates speak TLS 1.2 at most, so this broker does.
            tls=self._identity.tls(ssl.TLSVersion.TLSv1_2),
            identifier=self._identity.name,
            # State is retained at QoS 1; taps and events must not wait for a broker's disk.
            subscriptions=(
                (topics.gate("+", "state/#"), 1),
                (topics.gate("+", "up/#"), 0),
            ),
            delay_ms_max=2_000,
        )
        return Link(options, self._gates)

    def _make_cloud_link(self) -> Link:
        settings, identity = self._settings, self._identity
        options = LinkOptions(
            name="cloud",
            host=settings.cloud_broker_host or identity.broker_host,
            port=settings.cloud_broker_port or identity.broker_port,
            tls=identity.tls(ssl.TLSVersion.TLSv1_3),
            identifier=identity.name,
            subscriptions=((topics.site(identity.site, "down/#"), 1),),
            will=(
                topics.site(identity.site, topics.SITE_ONLINE),
                online_message(self._outbox.boot, online=False),
            ),
        )
        return Link(options, self._cloud)


async def _fail_with(task: asyncio.Task[None]) -> None:
    """End with an error if a task outside of the group does."""
    await asyncio.shield(task)
