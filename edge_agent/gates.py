"""The link to the gates: a tap is answered at once, an event acked when it is safe, a list offered.

A driver waits at every tap, so the answer goes out before anything is written or told. Everything
else queues behind the store or a task of its own.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import structlog

from edge_agent import happenings
from edge_agent.access import Lane, decide_tap
from edge_agent.book import Book, CardSeen, Statement
from edge_agent.clock import TrustedClock
from edge_agent.gate_lists import GateLists
from edge_agent.index import RightsIndex
from edge_agent.issuer import Issuer
from edge_agent.link import Link
from edge_agent.outbox import Outbox
from edge_agent.picture import Picture
from edge_agent.quarantine import (
    REASON_BOOT,
    REASON_FOREIGN,
    REASON_MALFORMED,
    REASON_OVERSIZED,
    REASON_VERSION,
    Quarantine,
)
from edge_agent.rights import ListState
from edge_agent.store import Store, StoreError
from protocols.gate import AnswerArgs, EventAck, GateAck, GateEvent, Online, Report, Tap
from protocols.portable import codes, topics, version
from protocols.site import Event, GateHealth

T = TypeVar("T")

UP_BYTES_MAX: Final = 4096
"""Gates send at most 1 KiB; what is larger is not a gate's."""
ACKS_MAX: Final = 1024
TIME_EXPIRES_MS: Final = 10_000

_TAP: Final = msgspec.json.Decoder(Tap)
_EVENT: Final = msgspec.json.Decoder(GateEvent)
_ACK: Final = msgspec.json.Decoder(GateAck)
_ONLINE: Final = msgspec.json.Decoder(Online)
_REPORT: Final = msgspec.json.Decoder(Report)

log = structlog.get_logger()


class _EventKey(msgspec.Struct):
    """What can be read of an event that cannot be read."""

    boot: int
    seq: int


_KEY: Final = msgspec.json.Decoder(_EventKey)
_Key = tuple[int, int]
_NO_KEY: Final = (-1, -1)


@dataclass
class GateState:
    """What the agent knows of one gate. `taken` is safe in the store, `posted` on its way there."""

    is_online: bool = False
    boot: int = -1
    heard_ms: int | None = None
    report: dict[str, Any] | None = None
    taken: _Key = _NO_KEY
    posted: _Key = _NO_KEY
    is_out_of_service: bool | None = None


@dataclass(frozen=True)
class Knowledge:
    """What decisions look into; the parts are replaced by whoever learns something newer."""

    picture: Picture
    rights: RightsIndex
    state: ListState


class Gates:
    """Speaks with all gates of the site (a link.Handler).

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
        self._know = know
        self._linked = linked
        self._on_change = on_change
        self._acks: asyncio.Queue[tuple[str, _Key]] = asyncio.Queue(ACKS_MAX)
        self._orders: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue(ACKS_MAX)
        self._order_number = 0
        self._states = store.read_now(_load_states)
        self.link: Link | None = None

    def state(self, gate: str) -> GateState:
        """What is known of one gate."""
        return self._states.setdefault(gate, GateState())

    def health(self) -> list[GateHealth]:
        """What the report says of the gates."""
        found = []
        for gate in self._know().picture.lanes:
            state = self.state(gate)
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
        for gate in self._know().picture.lanes:
            await self.announce(gate)

    async def on_down(self) -> None:
        """Nothing to do: gates decide for themselves, and the outbox is not touched."""

    async def on_message(self, topic: str, payload: bytes) -> None:
        """Whatever a gate said."""
        parsed = topics.parse(topic)
        if parsed is None or parsed[0] != "g":
            return
        _, gate, leaf = parsed
        know = self._know()
        lane = know.picture.lanes.get(gate)
        if lane is None:
            self._quarantine.put(gate, REASON_FOREIGN, payload, f"{leaf} of an unknown gate.")
            return
        self.state(gate).heard_ms = self._clock.now_ms()
        if leaf == topics.TAP:
            await self._on_tap(know, lane, payload)
        elif leaf == topics.EVENT:
            self._on_event(lane, payload)
        elif leaf == topics.ACK:
            await self._on_ack(gate, payload)
        elif leaf == topics.ONLINE:
            self._on_online(gate, payload)
        elif leaf == topics.REPORT:
            self._on_report(gate, payload)
        elif leaf == topics.LOG:
            log.info("gate_log", gate=gate, text=payload[:200].decode(errors="replace"))

    # --- taps -------------------------------------------------------------------------------

    async def _on_tap(self, know: Knowledge, lane: Lane, payload: bytes) -> None:
        tap = self._decoded(lane.gate, payload, _TAP)
        if tap is None:
            return
        tag = b""
        if tap.read == codes.READ_OK:
            found = happenings.tag_of_uid(tap.uid)
            if found is None:
                self._quarantine.put(
                    lane.gate, REASON_MALFORMED, payload, "The uid is not 4, 7 or 10 bytes of hex."
                )
                return
            tag = found
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
        await self._publish(
            topics.gate(lane.gate, topics.COMMAND), self._issuer.answer(lane.gate, args)
        )
        if not tag:
            return
        statements, is_new = happenings.learn_from_tap(self._book, tap, tag, lane.gate, now_ms)
        if statements:
            self._store.post(lambda c: _execute(c, statements))
        if decision.copied is not None and is_new and tap.counter is not None:
            seen = CardSeen(tap.counter, lane.gate, tap.boot, tap.seq, now_ms)
            self._outbox.report(
                codes.COPIED_CARD, happenings.copied_card(tag, decision.copied, seen)
            )

    # --- events -----------------------------------------------------------------------------

    def _on_event(self, lane: Lane, payload: bytes) -> None:
        gate = lane.gate
        event = self._decoded(gate, payload, _EVENT)
        if event is None:
            # Its gate would send it for ever: what can be told apart is told, then acked.
            self._ack_unreadable(gate, payload)
            return
        state, key = self.state(gate), (event.boot, event.seq)
        if key <= state.taken:
            self._on_old_event(gate, state, event, payload)
            return
        if key <= state.posted:
            return
        heard_ms = self._clock.now_ms()
        statements, copied = happenings.learn_from_event(self._book, lane, event, heard_ms)
        stored = Event(
            device=gate,
            boot=event.boot,
            seq=event.seq,
            at_ms=event.at_ms,
            heard_ms=heard_ms,
            clock=event.clock,
            kind=event.kind,
            data=event.data,
        )
        self._take(gate, key, stored, statements)
        if copied is not None:
            self._outbox.report(codes.COPIED_CARD, copied)

    def _take(self, gate: str, key: _Key, event: Event, statements: list[Statement]) -> None:
        self.state(gate).posted = key

        def work(connection: Any) -> None:  # noqa: ANN401 - sqlite3.Connection
            self._outbox.append(connection, event)
            _execute(connection, [*statements, _heard(gate, key)])

        self._store.post(work).add_done_callback(lambda done: self._taken(gate, key, done))

    def _taken(self, gate: str, key: _Key, done: asyncio.Future[None]) -> None:
        if done.cancelled():
            return
        state = self.state(gate)
        if isinstance(done.exception(), StoreError):
            # Not acked, so the gate keeps it and sends it again.
            log.error("event_not_stored", gate=gate, why=str(done.exception()))
            state.posted = state.taken
            return
        state.taken = max(state.taken, key)
        self._outbox.added()
        self._ack(gate, key)

    def _on_old_event(self, gate: str, state: GateState, event: GateEvent, payload: bytes) -> None:
        key = (event.boot, event.seq)
        if not (event.boot < state.taken[0] and state.boot < state.taken[0]):
            self._ack(gate, key)
            return
        # The gate itself now lives in an earlier boot: its counter was lost, and the key of a new
        # fact is one that was used before. It goes on under our own key, so that nothing is lost.
        self._outbox.report(
            codes.QUARANTINED,
            Quarantine.facts(gate, REASON_BOOT, payload, f"The last boot was {state.taken[0]}.")
            | {"event": msgspec.to_builtins(event)},
        )
        self._store.post(lambda _: None).add_done_callback(
            lambda done: None if done.cancelled() or done.exception() else self._ack(gate, key)
        )

    def _ack_unreadable(self, gate: str, payload: bytes) -> None:
        if len(payload) > UP_BYTES_MAX * 16:
            return
        try:
            key = _KEY.decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        self._store.post(lambda _: None).add_done_callback(
            lambda done: (
                None
                if done.cancelled() or done.exception()
                else self._ack(gate, (key.boot, key.seq))
            )
        )

    def _ack(self, gate: str, key: _Key) -> None:
        try:
            self._acks.put_nowait((gate, key))
        except asyncio.QueueFull:
            # The gate asks again by sending its event again.
            log.warning("acks_full", gate=gate)

    async def send_acks(self) -> None:
        """Tell gates what is safe, until cancelled."""
        while True:
            gate, (boot, seq) = await self._acks.get()
            ack = EventAck(v=version.VERSION, boot=boot, seq=seq)
            await self._publish(topics.gate(gate, topics.EVENT_ACK), msgspec.json.encode(ack))

    # --- lists ------------------------------------------------------------------------------

    async def announce(self, gate: str) -> None:
        """Offer a gate its list."""
        offer = self._lists.offer(gate)
        if offer is not None:
            payload = msgspec.json.encode(offer.announcement())
            await self._publish(topics.gate(gate, topics.DESIRED), payload, qos=1, retain=True)

    async def _on_ack(self, gate: str, payload: bytes) -> None:
        ack = self._decoded(gate, payload, _ACK)
        offer = self._lists.offer(gate)
        if ack is None or ack.want is None or offer is None:
            return
        part = offer.part(ack.list_version, ack.want)
        if part is None:
            await self.announce(gate)
            return
        await self._publish(topics.gate(gate, f"{topics.LIST_PART}{ack.want}"), part)

    # --- state ------------------------------------------------------------------------------

    def _on_online(self, gate: str, payload: bytes) -> None:
        online = self._decoded(gate, payload, _ONLINE)
        if online is None:
            return
        state = self.state(gate)
        if (online.online, online.boot) == (state.is_online, state.boot):
            return
        if not online.online and online.boot != state.boot and state.is_online:
            # The last will of a link that a newer one has replaced.
            return
        state.is_online, state.boot = online.online, online.boot
        kind = codes.GATE_ONLINE if online.online else codes.GATE_OFFLINE
        log.info(kind, gate=gate, boot=online.boot)
        self._store.post(lambda c: _execute(c, [_presence(gate, online)]))
        self._outbox.report(kind, {"gate": gate, "boot": online.boot})
        if online.online:
            self.tell_time(gate)
            state.is_out_of_service = None
            self.tell_service(gate)
        self._on_change()

    def _on_report(self, gate: str, payload: bytes) -> None:
        report = self._decoded(gate, payload, _REPORT)
        if report is None:
            return
        facts = msgspec.to_builtins(report)
        state = self.state(gate)
        watched = ("lane", "reader", "clock", "problem", "list_hash")
        before = state.report or {}
        state.report = facts
        if any(before.get(name) != facts[name] for name in watched):
            self._on_change()

    # --- orders -----------------------------------------------------------------------------

    def tell_time(self, gate: str) -> None:
        """Send a gate the signed time, unless ours is worth nothing."""
        if self._clock.known_ms() is not None:
            self._queue_order(gate, codes.OP_TIME, {})

    def tell_time_to_all(self) -> None:
        """Send every gate that is there the signed time."""
        for gate in self._know().picture.lanes:
            if self.state(gate).is_online:
                self.tell_time(gate)

    def tell_service(self, gate: str) -> None:
        """Let a gate know whether its lane is in service, when that has changed."""
        lane = self._know().picture.lanes.get(gate)
        state = self.state(gate)
        if lane is None or not state.is_online or state.is_out_of_service == lane.out_of_service:
            return
        state.is_out_of_service = lane.out_of_service
        self._queue_order(gate, codes.OP_OUT_OF_SERVICE, {"on": lane.out_of_service})

    async def order(
        self, gate: str, id_: str, op: str, args: dict[str, Any], *, expires_ms: int
    ) -> bool:
        """Send a gate an order; False when it cannot be reached now.

        Raises:
            StoreError: its counter could not be stored; it was not sent.
        """
        if not self.state(gate).is_online:
            return False
        message = await self._issuer.order(gate, id_, op, args, expires_ms=expires_ms)
        return await self._publish(topics.gate(gate, topics.COMMAND), message)

    async def send_orders(self) -> None:
        """Send the agent's own orders, until cancelled."""
        while True:
            gate, op, args = await self._orders.get()
            self._order_number += 1
            if op == codes.OP_TIME:
                args = {"now_ms": self._clock.now_ms()}
            try:
                await self.order(
                    gate,
                    f"agent-{self._outbox.boot}-{self._order_number}",
                    op,
                    args,
                    expires_ms=TIME_EXPIRES_MS,
                )
            except StoreError as error:
                log.warning("order_not_sent", gate=gate, op=op, why=str(error))

    def _queue_order(self, gate: str, op: str, args: dict[str, Any]) -> None:
        try:
            self._orders.put_nowait((gate, op, args))
        except asyncio.QueueFull:
            log.warning("orders_full", gate=gate, op=op)

    # --- wire -------------------------------------------------------------------------------

    def _decoded(self, gate: str, payload: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
        """The message, or None after it was put into quarantine."""
        if len(payload) > UP_BYTES_MAX:
            self._quarantine.put(
                gate, REASON_OVERSIZED, payload, f"At most {UP_BYTES_MAX} bytes are taken."
            )
            return None
        try:
            message = decoder.decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self._quarantine.put(gate, REASON_MALFORMED, payload, str(error))
            return None
        found = getattr(message, "v", None)
        if found != version.VERSION:
            self._quarantine.put(
                gate, REASON_VERSION, payload, f"Version {found}; {version.VERSION} is read."
            )
            return None
        return message

    async def _publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> bool:
        if self.link is None:
            return False
        return await self.link.publish(topic, payload, qos=qos, retain=retain)


def _execute(connection: Any, statements: list[Statement]) -> None:  # noqa: ANN401
    for sql, values in statements:
        connection.execute(sql, values)


def _heard(gate: str, key: _Key) -> Statement:
    return (
        "INSERT INTO heard VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET boot = excluded.boot, "
        "seq = excluded.seq",
        (gate, *key),
    )


def _presence(gate: str, online: Online) -> Statement:
    return (
        "INSERT INTO gates VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
        "is_online = excluded.is_online, boot = excluded.boot",
        (gate, online.online, online.boot),
    )


def _load_states(connection: Any) -> dict[str, GateState]:  # noqa: ANN401
    states: dict[str, GateState] = {}
    for gate, is_online, boot in connection.execute("SELECT gate, is_online, boot FROM gates"):
        states[gate] = GateState(is_online=bool(is_online), boot=boot)
    for gate, boot, seq in connection.execute("SELECT device, boot, seq FROM heard"):
        state = states.setdefault(gate, GateState())
        state.taken = state.posted = (boot, seq)
    return states
