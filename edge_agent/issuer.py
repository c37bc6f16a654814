"""Writes the orders to the gates: the only one at the site who can, having the keys.

The counter of a gate rises with every order and never comes twice. Gates keep the last one obeyed
on flash for all orders but answers, so those counters are stored here before such an order leaves;
an answer is bound to the tap that waits and may not wait for a disk.
"""

import sqlite3
from typing import Any, Final

from edge_agent.clock import TrustedClock
from edge_agent.store import Store
from protocols import sealed
from protocols.gate import AnswerArgs
from protocols.portable import codes, macs, version
from protocols.site import CommandBody

_WAY: Final = "to_gate"
_PUT: Final = (
    "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
    "counter = max(counter, excluded.counter)"
)


class Issuer:
    """Numbers and seals orders to gates."""

    def __init__(self, store: Store, clock: TrustedClock, site_key: bytes) -> None:
        self._store = store
        self._clock = clock
        self._site_key = site_key
        self._keys: dict[str, bytes] = {}
        self._counters: dict[str, int] = store.read_now(_load)

    def key(self, gate: str) -> bytes:
        """The gate's own key."""
        if gate not in self._keys:
            self._keys[gate] = macs.gate_key(self._site_key, gate)
        return self._keys[gate]

    def answer(self, gate: str, args: AnswerArgs) -> bytes:
        """The answer to a tap, ready to send."""
        facts: dict[str, Any] = {
            "boot": args.boot,
            "tap": args.tap,
            "reason": args.reason,
            "mode": args.mode,
            "right": args.right,
            "list_version": args.list_version,
            "now_ms": args.now_ms,
        }
        return self._sealed(
            gate, f"{args.boot}-{args.tap}", codes.OP_ANSWER, facts, version.OPEN_EXPIRES_MS_MAX
        )

    async def order(
        self, gate: str, id_: str, op: str, args: dict[str, Any], *, expires_ms: int
    ) -> bytes:
        """An order that changes something, its counter stored before it can leave.

        expires_ms: for how long from now it is good.

        Raises:
            StoreError: the counter could not be stored; the order must not go out.
        """
        message = self._sealed(gate, id_, op, args, expires_ms)
        counter = self._counters[gate]
        await self._store.run(lambda c: c.execute(_PUT, (gate, _WAY, counter)))
        return message

    def _sealed(self, gate: str, id_: str, op: str, args: dict[str, Any], expires_ms: int) -> bytes:
        now_ms = self._clock.now_ms()
        counter = max(self._counters.get(gate, 0) + 1, now_ms)
        self._counters[gate] = counter
        body = CommandBody(
            id=id_,
            device=gate,
            op=op,
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + expires_ms,
            counter=counter,
            args=args,
        )
        return sealed.seal(self.key(gate), macs.COMMAND, body)


def _load(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(
        connection.execute("SELECT device, counter FROM counters WHERE way = ?", (_WAY,)).fetchall()
    )
