"""What goes on by itself: looking at the clock and at silent gates, reporting, writing health."""

import asyncio
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from typing import Any, Final

import structlog

from edge_agent.clock import TrustedClock
from edge_agent.cloud_link import CloudLink
from edge_agent.gate_orders import GateOrders
from edge_agent.gates import Gates
from edge_agent.health import write_health
from edge_agent.keeper import RightsKeeper, age_ms
from edge_agent.link import Link
from edge_agent.outbox import Outbox
from edge_agent.picture import Picture
from edge_agent.quarantine import Quarantine
from edge_agent.settings import Settings
from edge_agent.store import Store, StoreError, set_meta
from protocols.portable import codes, version
from protocols.site import SiteReport

LOOK_EVERY_S: Final = 1.0
SIGNED_STORED_EVERY_MS: Final = 60_000

log = structlog.get_logger()


def agent_version() -> str:
    """The version of the installed distribution."""
    try:
        return package_version("curb-exchange")
    except PackageNotFoundError:
        return "unknown"


class Upkeep:
    """Watches the whole and tells of it, to the cloud and to people at the site."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: TrustedClock,
        outbox: Outbox,
        quarantine: Quarantine,
        keeper: RightsKeeper,
        gates: Gates,
        gate_orders: GateOrders,
        cloud: CloudLink,
        site_link: Link,
        *,
        picture: Callable[[], Picture],
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._outbox = outbox
        self._quarantine = quarantine
        self._keeper = keeper
        self._gates = gates
        self._gate_orders = gate_orders
        self._cloud = cloud
        self._site_link = site_link
        self._picture = picture
        self._told_up_ms = clock.up_ms()
        self._signed_stored_ms = clock.signed_at_ms

    async def watch(self) -> None:
        """Look at the clock and the gates every second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._look_at_clock()
            if self._site_link.is_up:
                self._gates.look_for_silent()

    async def write_health(self) -> None:
        """Write health.json now and then, until cancelled."""
        while True:
            try:
                facts = self._health(await self._outbox.oldest_ms())
                await asyncio.to_thread(write_health, self._settings.data_dir, facts)
            except (OSError, StoreError) as error:
                log.warning("health_not_written", why=str(error))
            await asyncio.sleep(self._settings.health_every_s)

    async def report(self) -> SiteReport:
        """How the site is, for the cloud."""
        state = self._keeper.state
        return SiteReport(
            v=version.VERSION,
            site=self._settings.site,
            boot=self._outbox.boot,
            at_ms=self._clock.now_ms(),
            agent=agent_version(),
            desired_version=self._picture().version,
            rights_version=state.version,
            rights_hash=state.hash,
            rights_count=state.count,
            rights_problem=self._keeper.problem,
            outbox=self._outbox.depth,
            oldest_event_ms=await self._outbox.oldest_ms(),
            gates=self._gates.health(),
            want_full=self._keeper.wants_full,
        )

    def _look_at_clock(self) -> None:
        jump_ms = 0 if self._clock.is_driven else self._clock.take_jump_ms()
        if jump_ms:
            log.warning("clock_jumped", by_ms=jump_ms)
            self._outbox.report(codes.CLOCK, {"jump_ms": jump_ms})
        up_ms = self._clock.up_ms()
        if jump_ms or up_ms - self._told_up_ms >= self._settings.time_every_s * 1000:
            self._told_up_ms = up_ms
            self._gate_orders.tell_time_to_all()
        signed_at_ms = self._clock.signed_at_ms
        if signed_at_ms - self._signed_stored_ms > SIGNED_STORED_EVERY_MS:
            self._signed_stored_ms = signed_at_ms
            self._store.post(partial(set_meta, key="signed_at_ms", value=signed_at_ms))

    def _health(self, oldest_ms: int | None) -> dict[str, Any]:
        state = self._keeper.state
        gates = {
            health.gate: {
                "online": health.online,
                "lane": (health.report or {}).get("lane"),
                "heard_ms": health.heard_ms,
            }
            for health in self._gates.health()
        }
        return {
            "site": self._settings.site,
            "agent": agent_version(),
            "boot": self._outbox.boot,
            "at_ms": self._clock.now_ms(),
            "clock": self._clock.quality(),
            "site_broker_up": self._site_link.is_up,
            "cloud_in_touch": self._cloud.is_in_touch,
            "gates": gates,
            "outbox": self._outbox.depth,
            "oldest_event_ms": oldest_ms,
            "left_out": self._outbox.left_out,
            "quarantined": self._quarantine.count,
            "desired_version": self._picture().version,
            "rights": {
                "version": state.version,
                "count": state.count,
                "age_ms": age_ms(state, self._clock),
                "problem": self._keeper.problem,
            },
        }
