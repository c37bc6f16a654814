"""From a card at the reader to the pulse of the relay: the path every driver waits on.

    read and prove -> publish the tap -> answer -> pulse -> move on the counter of a card that the
    agent vouches for -> beep -> only then the durable `access` event

The agent has 150 ms; without it, or as soon as the link is known to be down, the gate decides from
its own list. Nothing slower than that stands between card and pulse, the flash least of all.
"""

import asyncio

from firmware.cards.read import read_card, release, write_counter
from firmware.gate.decide import decide
from protocols.portable import codes, macs

# From the start of one poll to the start of the next while a car waits: 30 ms at most.
POLL_MS = 25
# A card that answers is read in one go (13 ms for a proven one): giving way between the exchanges
# costs a waiting driver 8 ms more. Only a card that makes trouble has the loop run in between.
_SLICE_MS = 15
# An agent that is well answers within 3 to 6 ms.
_SOON_MS = 8
# Without a car a card is told to come with one; that may take a moment.
_IDLE_POLLS = 10
_TEND_MS = 1000
# A chip found dead by itself takes 0.1 s to come back; what lasts longer is its wiring.
_WIRING_AFTER_MS = 3000


def _is_vouched_for(answer):
    """Whether the agent, who knows the counters, found nothing wrong with the card.

    Only such a card's counter is moved on: a gate that wrote to a suspected copy would let it catch
    up with the card it was made from, by being refused often enough.
    """
    by_agent = answer["mode"] in (codes.ONLINE, codes.AGENT)
    return by_agent and answer["reason"] != codes.EXIT_DEBT


class CardLoop:
    """Polls the reader and settles one tap at a time.

    site: asks the agent, see SiteLink.ask, is_waiting and answer. rights: has `packed`; settings,
    clock, journal as elsewhere.
    """

    def __init__(
        self, board, lane, lane_loop, presented, site, rights, settings, key, clock, journal,
        uptime, alive,
    ):  # fmt: skip
        """Take the parts; key is the card master key or None; uptime is an Uptime."""
        self._reader = board.reader
        self._lane = lane
        self._lane_loop = lane_loop
        self._presented = presented
        self._site = site
        self._rights = rights
        self._settings = settings
        self._key = key
        self._clock = clock
        self._journal = journal
        self._uptime_ms = uptime.now_ms
        self._alive = alive
        self._tap = 0
        self._tended_ms = -_TEND_MS
        self._dead_since_ms = None
        self._skipped = 0
        self._arrivals = 0
        self.health = "ok"

    async def run(self):
        """Poll for ever."""
        while True:
            self._alive()
            began_ms = self._uptime_ms()
            if self._is_reader_ready(began_ms) and self._is_due():
                await self._poll()
            spent_ms = self._uptime_ms() - began_ms
            await asyncio.sleep_ms(max(1, POLL_MS - spent_ms))

    @property
    def resets(self):
        """How often the reader chip had to be reset."""
        return self._reader.soft_resets + self._reader.hard_resets

    def _is_due(self):
        if not self._lane.wants_card:
            return False
        self._skipped += 1
        if self._lane.has_vehicle or self._skipped >= _IDLE_POLLS:
            self._skipped = 0
            return True
        return False

    def _is_reader_ready(self, now_ms):
        if self._reader.is_ready() and now_ms - self._tended_ms < _TEND_MS:
            return True
        self._tended_ms = now_ms
        is_ready = self._reader.tend(now_ms)
        if is_ready:
            self._dead_since_ms = None
            health = "clone" if "clone" in self._reader.version_text() else "ok"
        else:
            if self._dead_since_ms is None:
                self._dead_since_ms = now_ms
            if now_ms - self._dead_since_ms < _WIRING_AFTER_MS:
                health = "hung" if self._tap or self.health != "ok" else self.health
            else:
                health = "wiring"
        if health != self.health:
            self.health = health
            self._journal.add(
                codes.READER,
                {
                    "health": health,
                    "version": self._reader.version,
                    "faults": self._reader.faults,
                    "resets": self.resets,
                },
            )
        return is_ready

    async def _poll(self):
        reading = await self._drive(read_card(self._reader, self._key))
        if reading.read == codes.READ_NOTHING:
            return
        if not self._lane.wants_card:
            # Opened from afar meanwhile.
            return
        if self._arrivals != self._lane.arrivals:
            self._arrivals = self._lane.arrivals
            self._presented.forget()
        if self._presented.is_tap(reading.uid, self._uptime_ms()):
            self._lane.is_deciding = True
            try:
                await self._settle(reading)
            finally:
                self._lane.is_deciding = False
            self._presented.settle(self._uptime_ms())

    async def _settle(self, reading):
        began_ms = self._uptime_ms()
        tap, self._tap = self._tap, self._tap + 1
        vehicle = self._lane.has_vehicle
        answer = self._refuse_here(vehicle)
        if answer is None and self._site.ask(tap, reading, vehicle):
            answer = await self._wait_answer()
        if answer is None:
            answer = self._decide(reading, vehicle)
        reason = answer["reason"]
        admit = codes.is_admitted(reason)
        if admit and not self._lane_loop.open({"tap": tap}):
            # The car left while we decided, or the lane was taken out of service.
            reason = codes.OUT_OF_SERVICE if self._lane.is_out_of_service else codes.NO_VEHICLE
            admit = False
        took_ms = self._uptime_ms() - began_ms
        self._site.learn_time()
        self._lane.is_deciding = False
        if admit and _is_vouched_for(answer):
            # Before the beep, since people take the card away at the beep.
            await self._drive(write_counter(self._reader, reading))
        self._lane_loop.show_answer(reason)
        if reading.read == codes.READ_OK:
            await self._drive(release(self._reader, reading))
        self._journal.add(
            codes.ACCESS,
            {
                "tap": tap,
                "uid": reading.uid.hex(),
                "level": reading.level,
                "counter": reading.counter,
                "read": reading.read,
                "admit": admit,
                "reason": reason,
                "mode": answer["mode"],
                "right": answer.get("right"),
                "list_version": answer.get("list_version", 0),
                "direction": self._settings.direction,
                "vehicle": vehicle,
                "took_ms": took_ms,
                "doubt": reading.doubt,
            },
        )

    async def _wait_answer(self):
        """The agent's answer, or None when its time is up."""
        site = self._site
        until_ms = self._uptime_ms() + _SOON_MS
        while site.is_waiting and self._uptime_ms() < until_ms:
            await asyncio.sleep_ms(0)
        return await site.answer()

    async def _drive(self, steps):
        """Run steps to their end and give their result, letting the loop run now and then."""
        since_ms = self._uptime_ms()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            if self._uptime_ms() - since_ms >= _SLICE_MS:
                await asyncio.sleep_ms(0)
                since_ms = self._uptime_ms()

    def _refuse_here(self, vehicle):
        """What needs no asking: no car, a lane out of service, an entry nobody could record."""
        if not vehicle:
            reason = codes.NO_VEHICLE
        elif self._lane.is_out_of_service:
            reason = codes.OUT_OF_SERVICE
        elif self._settings.direction == codes.ENTRY and self._journal.outbox.is_full:
            reason = codes.LOG_FULL
        else:
            return None
        return {"reason": reason, "mode": codes.POLICY}

    def _decide(self, reading, vehicle):
        reason, mode, list_version = decide(
            self._settings.direction,
            vehicle,
            reading.read,
            reading.level,
            macs.tag_key(reading.uid),
            self._clock.now_s(),
            self._rights.packed,
            self._settings.policy,
        )
        return {"reason": reason, "mode": mode, "list_version": list_version}
