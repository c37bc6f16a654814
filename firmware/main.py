"""The composition root: reads who this gate is, builds every part, joins them, runs the tasks.

On a board `main.py` at the root of the flash says `from firmware import main; main.run()`.
"""

import asyncio
import gc
import os
import sys
import time

from firmware import settings as settings_file
from firmware.boot import Boot
from firmware.card_loop import CardLoop
from firmware.gate.commands import CommandRules
from firmware.gate.lane import Lane
from firmware.gate.presented import PresentedCards
from firmware.gate.rights import RightsStore
from firmware.journal import Journal
from firmware.lane_loop import LaneLoop
from firmware.link.clock import Clock
from firmware.link.outbox import FOLDER, Outbox
from firmware.link.transport import open_transport, tls_context
from firmware.link.wifi import Wifi
from firmware.orders import Orders
from firmware.settings import Settings, read_identity
from firmware.site_link import SiteLink
from firmware.storage import Storage
from firmware.supervisor import Supervisor
from firmware.uptime import Uptime
from protocols.portable import codes

FIRMWARE = "0.1.0"

_SAFE_FOLDER = "outbox-safe"


class NoSite:
    """Stands where the link would, at a gate that is not enrolled: nobody to ask."""

    is_up = False

    def ask(self, _tap, _reading, _vehicle):
        """See SiteLink.ask."""
        return False

    def learn_time(self):
        """See SiteLink.learn_time."""

    def wake_sender(self):
        """See SiteLink.wake_sender."""

    def report_soon(self):
        """See SiteLink.report_soon."""


class Gate:
    """Everything that runs on one gate, built once; `run` starts the tasks.

    watch: told every change of the lane's state; a console's eye, None on a board in the field.
    """

    def __init__(self, storage, watch=None):
        """Read the flash and build the parts; pins are driven from here on."""
        self._uptime = Uptime(time.ticks_ms, time.ticks_diff)
        now_ms = self._uptime.now_ms
        config = Settings(storage.read_json(settings_file.CONFIG))
        self.board = _board_module(config.board).build(config.has_arm_switch, config.pulse_ms)
        self._reset_cause = self.board.reset_cause()
        self.boot = Boot(storage, self._reset_cause)
        self._watch = watch
        self.supervisor = Supervisor(now_ms)
        self.clock = Clock(self.board.rtc, now_ms, storage, self.board.rtc_subseconds_per_ms)
        self.clock.start(config.made_at_ms)
        is_safe = self.boot.is_safe_mode
        outbox = Outbox(storage, config.outbox_bytes, folder=_SAFE_FOLDER if is_safe else FOLDER)
        self.journal = Journal(self.boot.number, outbox, self.clock, now_ms, self._on_event)
        self.lane = Lane(config.direction, config.timing)
        self.lane_loop = LaneLoop(
            self.lane, self.board, self.journal, now_ms, self._reporter("lane"), self._on_state
        )
        self.orders = Orders(
            storage, self.lane, self.lane_loop, self.clock, self.journal, self.boot, self.board
        )
        self.lane.is_out_of_service = self.lane.is_out_of_service or is_safe
        identity = read_identity(storage)
        key = identity.key if identity else b""
        self.rights = RightsStore(storage, key, config.direction)
        if not is_safe and identity:
            self.rights.load()
        self.wifi = Wifi(self.board.wlan, config.wifi_ssid, config.wifi_password)
        self.site = self._link(identity) if identity else NoSite()
        self.cards = CardLoop(
            self.board,
            self.lane,
            self.lane_loop,
            PresentedCards(),
            self.site,
            self.rights,
            config,
            identity.card_master_key if identity else None,
            self.clock,
            self.journal,
            self._uptime,
            self._reporter("cards"),
        )

    async def run(self):
        """Run for ever; returns never, raises what no task could handle."""
        self.journal.add(codes.BOOT, {"firmware": FIRMWARE, "reset": self._reset_cause})
        tasks = [self._start("lane", self.lane_loop.run(), 5000)]
        tasks.append(self._start("cards", self.cards.run(), 5000))
        if not isinstance(self.site, NoSite):
            # Joining and the handshake take long on a bad day; both tell that they live.
            tasks.append(self._start("link", self.site.run(), 30000))
            tasks.append(self._start("sender", self.site.send_events(), 30000))
            tasks.append(self._start("worker", self.site.work(), 10000))
        tasks.append(asyncio.create_task(self._supervise()))
        await asyncio.gather(*tasks)

    def report(self):
        """The fields of `state/report`."""
        return {
            "boot": self.boot.number,
            "firmware": FIRMWARE,
            "up_ms": self._uptime.now_ms(),
            "at_ms": self.clock.now_ms(),
            "clock": self.clock.quality(),
            "lane": self.lane.state,
            "reader": self.cards.health,
            "list_version": self.rights.version,
            "list_hash": self.rights.hash,
            "outbox": self.journal.outbox.count,
            "heap_free": gc.mem_free(),
            "rssi_dbm": self.wifi.rssi_dbm(),
            "reader_resets": self.cards.resets,
            "problem": self._problem(),
        }

    def _problem(self):
        if self.boot.is_safe_mode:
            return "safe_mode"
        if self.journal.problem:
            return self.journal.problem
        if self.journal.outbox.is_full:
            return codes.LOG_FULL
        return self.rights.problem

    def _link(self, identity):
        context = tls_context(identity.certificate, identity.private_key, identity.authority)

        async def open_link():
            return await open_transport(identity.broker_host, identity.broker_port, context)

        rules = CommandRules(identity.gate, identity.key, self.orders.counter)
        link = SiteLink(
            identity,
            self.boot.number,
            open_link,
            self.wifi,
            rules,
            self.rights,
            self.clock,
            self.journal,
            self._uptime.now_ms,
            _random,
            self.supervisor.alive,
        )
        link.act = self.orders.act
        link.report = self.report
        link.has_vehicle = lambda: self.lane.has_vehicle
        return link

    def _start(self, name, coroutine, within_ms):
        self.supervisor.expect(name, within_ms)
        return asyncio.create_task(coroutine)

    def _reporter(self, name):
        return lambda: self.supervisor.alive(name)

    async def _supervise(self):
        watchdog = self.board.start_watchdog()
        while True:
            late = self.supervisor.late()
            if late is None:
                watchdog.feed()
            else:
                print("supervisor:", late, "is late; the watchdog is not fed")  # noqa: T201
            self.boot.settle(self._uptime.now_ms())
            await asyncio.sleep_ms(1000)

    def _on_event(self):
        self.site.wake_sender()

    def _on_state(self, state):
        self.site.report_soon()
        if self._watch:
            self._watch(state)


def _board_module(name):
    if (name or sys.platform) == "rp2":
        from firmware.board import rp2

        return rp2
    from firmware.board import esp32

    return esp32


def _random():
    return int.from_bytes(os.urandom(4), "little") / 4294967296


def run(root="", watch=None):
    """Run the gate on the flash below `root` until it resets; see Gate."""
    storage = Storage(root)
    gate = Gate(storage, watch)
    # What was built stays; the heap is tidy before TLS asks for its 20 KiB.
    gc.collect()
    try:
        asyncio.run(gate.run())
    except Exception as error:  # noqa: BLE001 - an ordered restart is all that is left
        sys.print_exception(error)
        gate.boot.crashed()
        time.sleep_ms(500)
        gate.board.reset()
