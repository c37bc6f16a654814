"""The link to the gates: a tap is answered at once; whatever else comes goes where it belongs.

A driver waits at every tap, so the answer goes out before anything is written or told.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from edge_agent import happenings
from edge_agent.access import Decision, Lane, decide_tap
from edge_agent.book import Book, CardSeen
from edge_agent.clock import TrustedClock
from edge_agent.gate_events import EventIntake
from edge_agent.gate_lists import GateLists
from edge_agent.gate_orders import GateOrders
from edge_agent.gate_state import GateStates, Knowledge, execute, presence
from edge_agent.gate_wire import GateWire
from edge_agent.issuer import Issuer
from edge_agent.outbox import Outbox
from edge_agent.quarantine import REASON_FOREIGN, REASON_MALFORMED, Quarantine
from edge_agent.store import Store
from protocols.gate import AnswerArgs, GateAck, Online, Report, Tap
from protocols.portable import codes, topics
from protocols.site import GateHealth

_TAP: Final = msgspec.json.Decoder(Tap)
_ACK: Final = msgspec.json.Decoder(GateAck)
_ONLINE: Final = msgspec.json.Decoder(Online)
_REPORT: Final = msgspec.json.Decoder(Report)
# A change in one of these is told to the cloud at once.
_WATCHED: Final = ("lane", "reader", "clock", "problem", "list_hash")
SILENT_AFTER_MS: Final = 75_000
"""Gates report every 30 s, so this one has missed two."""
EARLY_MAX: Final = 256

log = structlog.get_logger()


class Gates:
    """Hears all gates of the site (a link.Handler).

    know: gives what is known now; linked: whether the cloud is in touch.
    on_change: called when a gate came, went or reported something new.
    """

    def __init__(
        self,
        store: Store,
        clock: TrustedClock,
        outbox: Outbox,
        quarantine: Quarantine,
        book: Book,
        issuer: Issuer,
        lists: GateLists,
        states: GateStates,
        wire: GateWire,
        intake: EventIntake,
        orders: GateOrders,
        *,
        know: Callable[[], Knowledge],
        linked: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._outbox = outbox
        self._quarantine = quarantine
        self._book = book
        self._issuer = issuer
        self._lists = lists
        self._states = states
        self._wire = wire
        self._intake = intake
        self._orders = orders
        self._know = know
        self._linked = linked
        self._on_change = on_change
        self._early: dict[str, dict[str, bytes]] = {}

    def health(self) -> list[GateHealth]:
        """What the report says of the gates."""
        found = []
        for gate in self._know().picture.lanes:
            state = self._states[gate]
            found.append(
                GateHealth(
                    gate=gate,
                    online=state.is_online,
                    heard_ms=state.heard_ms,
                    report=state.report,
                )
            )
        return found

    # --- link.Handler -----------------------------------------------------------------------

    async def on_up(self) -> None:
        """Offer every gate its list again: the broker may have lost what it retained."""
        for state in self._states.values():
            # While the link was down, silence meant nothing.
            state.heard_up_ms = None
        for gate in self._know().picture.lanes:
            await self.announce(gate)

    async def on_down(self) -> None:
        """Nothing to do: gates decide for themselves, and send their events again."""

    async def on_message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Whatever a gate said."""
        parsed = topics.parse(topic)
        if parsed is None or parsed[0] != "g":
            return
        _, gate, leaf = parsed
        know = self._know()
        lane = know.picture.lanes.get(gate)
        if lane is None:
            self._on_stranger(gate, leaf, payload)
            return
        self._note_heard(gate, retained=retained)
        if leaf == topics.TAP:
            await self._on_tap(know, lane, payload)
        elif leaf == topics.EVENT:
            self._intake.take(lane, payload)
        elif leaf == topics.ACK:
            await self._on_ack(gate, payload)
        elif leaf == topics.ONLINE:
            self._on_online(gate, payload)
        elif leaf == topics.REPORT:
            self._on_report(gate, payload)
        elif leaf == topics.LOG:
            log.info("gate_log", gate=gate, text=payload[:200].decode(errors="replace"))

    def _on_stranger(self, gate: str, leaf: str, payload: bytes) -> None:
        if not leaf.startswith("state/"):
            self._quarantine.put(gate, REASON_FOREIGN, payload, f"{leaf} of an unknown gate.")
        elif gate in self._early or len(self._early) < EARLY_MAX:
            # Retained: of a gate that was taken away, or of one that the picture will bring.
            self._early.setdefault(gate, {})[leaf] = payload

    def _note_heard(self, gate: str, *, retained: bool) -> None:
        state = self._states[gate]
        if not retained:
            state.heard_ms = self._clock.now_ms()
        if not retained or state.heard_up_ms is None:
            state.heard_up_ms = self._clock.up_ms()
        if state.is_silent and not retained:
            state.is_silent = False
            self._set_online(gate, online=True, boot=state.boot)

    def settle(self) -> None:
        """The picture has changed: catch up on gates that spoke before it named them."""
        for gate in self._know().picture.lanes:
            early = self._early.pop(gate, {})
            if topics.ONLINE in early:
                self._on_online(gate, early[topics.ONLINE])
            if topics.REPORT in early:
                self._on_report(gate, early[topics.REPORT])
            self._orders.settle_service(gate)

    def look_for_silent(self) -> None:
        """Take gates for gone that say nothing at all: a broker that died speaks no last will."""
        up_ms = self._clock.up_ms()
        for gate, state in self._states.items():
            if not state.is_online:
                continue
            if state.heard_up_ms is None:
                state.heard_up_ms = up_ms
            elif up_ms - state.heard_up_ms > SILENT_AFTER_MS:
                state.is_silent = True
                self._set_online(gate, online=False, boot=state.boot)

    # --- taps -------------------------------------------------------------------------------

    async def _on_tap(self, know: Knowledge, lane: Lane, payload: bytes) -> None:
        tap = self._wire.decode(lane.gate, payload, _TAP)
        if tap is None:
            return
        tag = happenings.tag_of_uid(tap.uid) if tap.read == codes.READ_OK else b""
        if tag is None:
            self._quarantine.put(
                lane.gate, REASON_MALFORMED, payload, "The uid is not 4, 7 or 10 bytes of hex."
            )
            return
        now_ms = self._clock.known_ms()
        decision = decide_tap(
            lane,
            tap,
            tag,
            rights=know.rights,
            state=know.state,
            book=self._book,
            now_ms=now_ms,
            linked=self._linked(),
        )
        args = AnswerArgs(
            boot=tap.boot,
            tap=tap.seq,
            reason=decision.reason,
            mode=decision.mode,
            right=decision.right,
            list_version=know.state.version,
            now_ms=now_ms,
        )
        answer = self._issuer.answer(lane.gate, args)
        await self._wire.publish(lane.gate, topics.COMMAND, answer)
        if tag:
            self._learn(lane.gate, tap, tag, now_ms, decision)

    def _learn(
        self, gate: str, tap: Tap, tag: bytes, now_ms: int | None, decision: Decision
    ) -> None:
        statements, is_new = happenings.learn_from_tap(self._book, tap, tag, gate, now_ms)
        if statements:
            self._store.post(lambda c: execute(c, statements))
        if decision.copied is not None and is_new and tap.counter is not None:
            seen = CardSeen(tap.counter, gate, tap.boot, tap.seq, now_ms)
            facts = happenings.copied_card(tag, decision.copied, seen)
            self._outbox.report(codes.COPIED_CARD, facts)

    # --- lists ------------------------------------------------------------------------------

    async def announce(self, gate: str) -> None:
        """Offer a gate its list."""
        offer = self._lists.offer(gate)
        if offer is not None:
            payload = msgspec.json.encode(offer.announcement())
            await self._wire.publish(gate, topics.DESIRED, payload, qos=1, retain=True)

    async def _on_ack(self, gate: str, payload: bytes) -> None:
        ack = self._wire.decode(gate, payload, _ACK)
        offer = self._lists.offer(gate)
        if ack is None or ack.want is None or offer is None:
            return
        part = offer.part(ack.list_version, ack.want)
        if part is None:
            await self.announce(gate)
        else:
            await self._wire.publish(gate, f"{topics.LIST_PART}{ack.want}", part)

    # --- state ------------------------------------------------------------------------------

    def _on_online(self, gate: str, payload: bytes) -> None:
        online = self._wire.decode(gate, payload, _ONLINE)
        if online is None:
            return
        state = self._states[gate]
        is_same = (online.online, online.boot) == (state.is_online, state.boot)
        # The last will of a link that a newer one has replaced says nothing of the newer.
        is_outlived = not online.online and online.boot != state.boot and state.is_online
        if not is_same and not is_outlived:
            state.is_silent = False
            self._set_online(gate, online=online.online, boot=online.boot)

    def _set_online(self, gate: str, *, online: bool, boot: int) -> None:
        state = self._states[gate]
        state.is_online, state.boot = online, boot
        kind = codes.GATE_ONLINE if online else codes.GATE_OFFLINE
        log.info(kind, gate=gate, boot=boot, silent=state.is_silent)
        statement = presence(gate, state)
        self._store.post(lambda c: execute(c, [statement]))
        self._outbox.report(kind, {"gate": gate, "boot": boot, "silent": state.is_silent})
        if online:
            self._orders.tell_time(gate)
        self._on_change()

    def _on_report(self, gate: str, payload: bytes) -> None:
        report = self._wire.decode(gate, payload, _REPORT)
        if report is None:
            return
        facts = msgspec.to_builtins(report)
        state = self._states[gate]
        before = state.report or {}
        state.report = facts
        self._orders.settle_service(gate)
        if any(before.get(name) != facts[name] for name in _WATCHED):
            self._on_change()
