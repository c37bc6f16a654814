"""Orders to the gates: the cloud's, sealed anew, and the agent's own (time, out of service)."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from edge_agent.clock import TrustedClock
from edge_agent.gate_state import GateStates
from edge_agent.gate_wire import GateWire
from edge_agent.issuer import Issuer
from edge_agent.picture import Picture
from edge_agent.store import StoreError
from protocols.portable import codes, topics

QUEUE_MAX: Final = 1024
LIVES_MS: Final = 10_000
REPEAT_AFTER_MS: Final = 30_000
_LANE_OUT: Final = "out_of_service"
_SAFE_MODE: Final = "safe_mode"

log = structlog.get_logger()


class GateOrders:
    """Sends orders; only to gates that are there, since none is worth keeping.

    boot: of the agent, for the ids of its own orders.
    picture: gives the site as it should be.
    """

    def __init__(
        self,
        clock: TrustedClock,
        issuer: Issuer,
        states: GateStates,
        wire: GateWire,
        *,
        boot: int,
        picture: Callable[[], Picture],
    ) -> None:
        self._clock = clock
        self._issuer = issuer
        self._states = states
        self._wire = wire
        self._boot = boot
        self._picture = picture
        self._number = 0
        self._queue: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue(QUEUE_MAX)
        self._told_service: dict[str, tuple[bool, int]] = {}

    async def order(
        self, gate: str, id_: str, op: str, args: dict[str, Any], *, expires_ms: int
    ) -> bool:
        """Send a gate an order; False when it cannot be reached now.

        Raises:
            StoreError: its counter could not be stored; it was not sent.
        """
        if not self._states[gate].is_online:
            return False
        message = await self._issuer.order(gate, id_, op, args, expires_ms=expires_ms)
        return await self._wire.publish(gate, topics.COMMAND, message)

    def tell_time(self, gate: str) -> None:
        """Send a gate the signed time, unless ours is worth nothing."""
        if self._clock.known_ms() is not None:
            self._enqueue(gate, codes.OP_TIME, {})

    def tell_time_to_all(self) -> None:
        """Send every gate that is there the signed time."""
        for gate in self._picture().lanes:
            if self._states[gate].is_online:
                self.tell_time(gate)

    def settle_service(self, gate: str) -> None:
        """Order a lane into or out of service if its gate's last report says otherwise."""
        lane, state = self._picture().lanes.get(gate), self._states[gate]
        if lane is None or not state.is_online or state.report is None:
            return
        if state.report["problem"] == _SAFE_MODE:
            # It took itself out of service; a reboot, not an order, puts it back.
            return
        wanted, now_ms = lane.out_of_service, self._clock.up_ms()
        if (state.report["lane"] == _LANE_OUT) == wanted:
            return
        told, told_ms = self._told_service.get(gate, (not wanted, 0))
        if told == wanted and now_ms - told_ms < REPEAT_AFTER_MS:
            return
        self._told_service[gate] = (wanted, now_ms)
        self._enqueue(gate, codes.OP_OUT_OF_SERVICE, {"on": wanted})

    async def run_forever(self) -> None:
        """Send the agent's own orders, until cancelled."""
        while True:
            gate, op, args = await self._queue.get()
            self._number += 1
            if op == codes.OP_TIME:
                args = {"now_ms": self._clock.now_ms()}
            id_ = f"agent-{self._boot}-{self._number}"
            try:
                await self.order(gate, id_, op, args, expires_ms=LIVES_MS)
            except StoreError as error:
                log.warning("order_not_sent", gate=gate, op=op, why=str(error))

    def _enqueue(self, gate: str, op: str, args: dict[str, Any]) -> None:
        try:
            self._queue.put_nowait((gate, op, args))
        except asyncio.QueueFull:
            log.warning("orders_full", gate=gate, op=op)
