"""Takes in the events of gates: each stored once, then acked, and never the other way round."""

import asyncio
import sqlite3
from typing import Final

import msgspec
import structlog

from edge_agent import happenings
from edge_agent.access import Lane
from edge_agent.book import Book
from edge_agent.clock import TrustedClock
from edge_agent.gate_state import EventKey, GateState, GateStates, execute, heard
from edge_agent.gate_wire import GateWire
from edge_agent.outbox import Outbox
from edge_agent.quarantine import REASON_BOOT, Quarantine
from edge_agent.store import Store, StoreError
from protocols.gate import EventAck, GateEvent
from protocols.portable import codes, topics, version
from protocols.site import Event

ACKS_MAX: Final = 1024
_SALVAGED_BYTES_MAX: Final = 65_536

_EVENT: Final = msgspec.json.Decoder(GateEvent)


class _Key(msgspec.Struct):
    """What can be read of an event that cannot be read."""

    boot: int
    seq: int


_KEY: Final = msgspec.json.Decoder(_Key)

log = structlog.get_logger()


class EventIntake:
    """One for all gates of the site; gates send one event at a time until it is acked."""

    def __init__(
        self,
        store: Store,
        clock: TrustedClock,
        outbox: Outbox,
        book: Book,
        states: GateStates,
        wire: GateWire,
    ) -> None:
        self._store = store
        self._clock = clock
        self._outbox = outbox
        self._book = book
        self._states = states
        self._wire = wire
        self._acks: asyncio.Queue[tuple[str, EventKey]] = asyncio.Queue(ACKS_MAX)

    def take(self, lane: Lane, payload: bytes) -> None:
        """One `up/event` message of the lane's gate."""
        gate = lane.gate
        event = self._wire.decode(gate, payload, _EVENT)
        if event is None:
            # Its gate would send it for ever: what can be told apart is told, then acked.
            self._ack_unreadable(gate, payload)
            return
        state, key = self._states[gate], (event.boot, event.seq)
        if key <= state.taken:
            self._take_old(gate, state, event, payload)
        elif key > state.posted:
            self._take_new(lane, state, event)

    async def send_acks(self) -> None:
        """Tell gates what is safe, until cancelled."""
        while True:
            gate, (boot, seq) = await self._acks.get()
            ack = EventAck(v=version.VERSION, boot=boot, seq=seq)
            await self._wire.publish(gate, topics.EVENT_ACK, msgspec.json.encode(ack))

    def _take_new(self, lane: Lane, state: GateState, event: GateEvent) -> None:
        gate, key = lane.gate, (event.boot, event.seq)
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
        state.posted = key
        statements.append(heard(gate, key))

        def work(connection: sqlite3.Connection) -> None:
            self._outbox.append(connection, stored)
            execute(connection, statements)

        self._store.post(work).add_done_callback(lambda done: self._stored(gate, key, done))
        if copied is not None:
            self._outbox.report(codes.COPIED_CARD, copied)

    def _stored(self, gate: str, key: EventKey, done: asyncio.Future[None]) -> None:
        if done.cancelled():
            return
        state = self._states[gate]
        if isinstance(done.exception(), StoreError):
            # Not acked, so the gate keeps it and sends it again.
            log.warning("event_not_stored", gate=gate, why=str(done.exception()))
            state.posted = state.taken
            return
        state.taken = max(state.taken, key)
        self._outbox.added()
        self._ack(gate, key)

    def _take_old(self, gate: str, state: GateState, event: GateEvent, payload: bytes) -> None:
        key = (event.boot, event.seq)
        lives_before = event.boot < state.taken[0] and 0 <= state.boot < state.taken[0]
        if not lives_before:
            self._ack(gate, key)
            return
        # The gate itself now lives in an earlier boot: its counter was lost, and the key of a new
        # fact is one that was used before. It goes on under our own key, so that nothing is lost.
        facts = Quarantine.facts(gate, REASON_BOOT, payload, f"Boot {state.taken[0]} was before.")
        self._outbox.report(codes.QUARANTINED, facts | {"event": msgspec.to_builtins(event)})
        self._ack_when_stored(gate, key)

    def _ack_unreadable(self, gate: str, payload: bytes) -> None:
        if len(payload) > _SALVAGED_BYTES_MAX:
            return
        try:
            key = _KEY.decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return
        self._ack_when_stored(gate, (key.boot, key.seq))

    def _ack_when_stored(self, gate: str, key: EventKey) -> None:
        """Ack after everything posted so far is committed."""

        def done(future: asyncio.Future[None]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._ack(gate, key)

        self._store.post(lambda _: None).add_done_callback(done)

    def _ack(self, gate: str, key: EventKey) -> None:
        try:
            self._acks.put_nowait((gate, key))
        except asyncio.QueueFull:
            # The gate asks again by sending its event again.
            log.warning("acks_full", gate=gate)
