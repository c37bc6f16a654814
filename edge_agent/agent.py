"""The edge agent put together: one store, two links, and the tasks that run between them."""

import asyncio
import gc
import ssl
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

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
from edge_agent.identity import Identity
from edge_agent.issuer import Issuer
from edge_agent.keeper import RightsKeeper
from edge_agent.link import Link, LinkOptions
from edge_agent.orders import OrderDesk
from edge_agent.outbox import Outbox
from edge_agent.picture import EMPTY_VERSION, Picture
from edge_agent.quarantine import Quarantine
from edge_agent.settings import Settings
from edge_agent.site_work import SiteOrders, SitePicture
from edge_agent.store import FILE, Store, get_meta
from edge_agent.upkeep import Upkeep
from protocols.portable import topics

# A list being checked in a thread may keep a tap waiting for one such interval.
SWITCH_INTERVAL_S: Final = 0.0005


class Agent:
    """One site's agent; `run` serves until cancelled."""

    def __init__(self, settings: Settings, identity: Identity, clock: Clock) -> None:
        """Open the store and load what it holds; nothing is connected before `run`.

        Raises:
            StoreError: the database cannot be opened.
        """
        self._settings = settings
        self._identity = identity
        self._store = store = Store(settings.data_dir / FILE)
        signed_at_ms = store.read_now(lambda c: get_meta(c, "signed_at_ms")) or 0
        self._clock = TrustedClock(clock, signed_at_ms)
        self._outbox = Outbox(
            store, self._clock, device=identity.name, depth_max=settings.outbox_max
        )
        self._quarantine = Quarantine(self._outbox, self._clock)
        self._picture = SitePicture(
            store, self._clock, self._quarantine, identity, on_change=self._picture_changed
        )
        self._keeper = RightsKeeper(
            store,
            self._clock,
            site=identity.site,
            site_key=identity.site_key,
            on_change=self._rights_changed,
        )
        self._users = BrokerUsers(
            identity.site,
            users_file=settings.site_broker_users_file,
            pid_file=settings.site_broker_pid_file,
            kind=settings.site_broker_kind,
        )
        self._build_gate_side()
        self._build_cloud_side()
        self._upkeep = Upkeep(
            settings,
            store,
            self._clock,
            self._outbox,
            self._quarantine,
            self._keeper,
            self._gates,
            self._gate_orders,
            self._cloud,
            self._site_link,
            picture=self._the_picture,
        )
        self._cloud.make_report = self._upkeep.report

    def _build_gate_side(self) -> None:
        settings, store, clock = self._settings, self._store, self._clock
        book = Book()
        store.read_now(lambda c: book.load(c, clock.now_ms()))
        states = store.read_now(load_states)
        issuer = Issuer(store, clock, self._identity.site_key)
        wire = GateWire(self._quarantine)
        self._lists = GateLists(
            store,
            clock,
            issuer,
            entries_max=settings.gate_list_entries_max,
            gather_s=settings.gate_list_after_s,
        )
        self._intake = EventIntake(store, clock, self._outbox, book, states, wire)
        self._gate_orders = GateOrders(
            clock, issuer, states, wire, boot=self._outbox.boot, picture=self._the_picture
        )
        self._gates = Gates(
            store,
            clock,
            self._outbox,
            self._quarantine,
            book,
            issuer,
            self._lists,
            states,
            wire,
            self._intake,
            self._gate_orders,
            know=self._know,
            linked=lambda: self._cloud.is_in_touch,
            on_change=lambda: self._cloud.report_soon(),
        )
        self._site_link = wire.link = Link(self._site_link_options(), self._gates)

    def _build_cloud_side(self) -> None:
        identity = self._identity
        desk = OrderDesk(self._store, self._clock, site=identity.site, site_key=identity.site_key)
        orders = SiteOrders(self._clock, self._outbox, desk, self._gate_orders, self._the_picture)
        self._cloud = CloudLink(
            identity.site,
            self._clock,
            self._outbox,
            workers={
                topics.SITE_RIGHTS: self._keeper.take,
                topics.SITE_DESIRED: self._picture.take,
                topics.SITE_COMMAND: orders.take,
            },
            report_every_s=self._settings.report_every_s,
        )
        self._cloud_link = self._cloud.link = Link(self._cloud_link_options(), self._cloud)

    async def run(self) -> None:
        """Serve until cancelled; then everything taken in is stored."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        # What was loaded stays: the collector need not look at it again while a driver waits.
        gc.collect()
        gc.freeze()
        if self._picture.current.version != EMPTY_VERSION:
            self._users.admit(self._picture.current.lanes)
        else:
            self._users.admit_agent()
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

    def _tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        return {
            "site-link": self._site_link.run_forever(),
            "cloud-link": self._cloud_link.run_forever(),
            "acks": self._intake.send_acks(),
            "gate-orders": self._gate_orders.run_forever(),
            "gate-lists": self._lists.run_forever(
                lambda: (self._picture.current, self._keeper.state), self._gates.announce
            ),
            "events": self._cloud.send_events(),
            "reports": self._cloud.send_reports(),
            "rights": self._cloud.work(topics.SITE_RIGHTS),
            "picture": self._cloud.work(topics.SITE_DESIRED),
            "orders": self._cloud.work(topics.SITE_COMMAND),
            "clock": self._upkeep.watch(),
            "health": self._upkeep.write_health(),
        }

    def _the_picture(self) -> Picture:
        return self._picture.current

    def _know(self) -> Knowledge:
        return Knowledge(self._picture.current, self._keeper.index, self._keeper.state)

    def _picture_changed(self, picture: Picture) -> None:
        self._users.admit(picture.lanes)
        self._gates.settle()
        self._rights_changed()

    def _rights_changed(self) -> None:
        self._lists.change()
        self._cloud.report_soon()

    def _site_link_options(self) -> LinkOptions:
        return LinkOptions(
            name="site",
            host=self._settings.site_broker_host,
            port=self._settings.site_broker_port,
            # Gates speak TLS 1.2 at most, so this broker does.
            tls=self._identity.tls(ssl.TLSVersion.TLSv1_2),
            identifier=self._identity.name,
            # State is retained at QoS 1; taps and events must not wait for a broker's disk.
            subscriptions=((topics.gate("+", "state/#"), 1), (topics.gate("+", "up/#"), 0)),
            delay_ms_max=2_000,
        )

    def _cloud_link_options(self) -> LinkOptions:
        settings, identity = self._settings, self._identity
        return LinkOptions(
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


async def _fail_with(task: asyncio.Task[None]) -> None:
    """End with an error if a task outside of the group does."""
    await asyncio.shield(task)
