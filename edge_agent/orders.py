"""Orders from the cloud: who wrote it, for whom, until when, and was it obeyed before.

Each is checked and its counter stored before anything is done about it; whatever is refused is
told. The gate checks all of it once more, with the key it shares with this agent alone.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from edge_agent.clock import TrustedClock
from edge_agent.store import Store
from protocols import sealed
from protocols.enrolment import site_common_name
from protocols.portable import codes, macs, version
from protocols.site import CommandBody

_WAY: Final = "from_cloud"
_PUT: Final = (
    "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET counter = excluded.counter"
)
CLOCK_SLACK_MS: Final = 2_000
_GATE_OPS: Final = (codes.OP_OPEN, codes.OP_CONFIG, codes.OP_REBOOT, codes.OP_OUT_OF_SERVICE)


@dataclass(frozen=True)
class Refusal:
    """An order that is not obeyed; `body` is None when its MAC was wrong and nothing is known."""

    code: str
    message: str
    body: CommandBody | None = None


class OrderDesk:
    """Checks `down/cmd` of one site."""

    def __init__(self, store: Store, clock: TrustedClock, *, site: str, site_key: bytes) -> None:
        self._store = store
        self._clock = clock
        self._site_device = site_common_name(site)
        self._site_key = site_key
        self._counters: dict[str, int] = store.read_now(_load)

    async def accept(self, payload: bytes, gates: frozenset[str]) -> CommandBody | Refusal:
        """The order to obey, its counter stored, or why not.

        gates: ids of the site's gates.

        Raises:
            StoreError: the counter could not be stored; nothing must be done.
        """
        try:
            body = sealed.unseal(self._site_key, macs.COMMAND, payload, CommandBody)
        except sealed.SealError as error:
            return Refusal(error.code, str(error))
        if body.device != self._site_device and body.device not in gates:
            return Refusal(codes.REFUSED_DEVICE, f"{body.device} is not of this site.", body)
        known = (codes.OP_TIME,) if body.device == self._site_device else _GATE_OPS
        if body.op not in known:
            return Refusal(codes.REFUSED_OP, f"{body.op} cannot be ordered.", body)
        last = self._counters.get(body.device, 0)
        if body.counter <= last:
            return Refusal(
                codes.REFUSED_REPLAY, f"Counter {body.counter} is not above {last}.", body
            )
        # A signed time is what a wrong clock needs, so it alone passes without one.
        if body.op != codes.OP_TIME and (refusal := self._time_refusal(body)):
            return refusal
        self._counters[body.device] = body.counter
        await self._store.run(lambda c: c.execute(_PUT, (body.device, _WAY, body.counter)))
        return body

    def _time_refusal(self, body: CommandBody) -> Refusal | None:
        now_ms = self._clock.known_ms()
        if now_ms is None:
            return Refusal(codes.REFUSED_CLOCK, "This site's clock is not set.", body)
        if body.expires_at_ms <= now_ms:
            late_ms = now_ms - body.expires_at_ms
            return Refusal(codes.REFUSED_EXPIRED, f"It expired {late_ms} ms ago.", body)
        if body.op == codes.OP_OPEN:
            longest = version.OPEN_EXPIRES_MS_MAX
            if body.expires_at_ms - body.issued_at_ms > longest:
                return Refusal(codes.REFUSED_MALFORMED, f"It lives longer than {longest} ms.", body)
            if body.issued_at_ms - now_ms > CLOCK_SLACK_MS:
                return Refusal(codes.REFUSED_EXPIRED, "It was issued in the future.", body)
        return None


def _load(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(
        connection.execute("SELECT device, counter FROM counters WHERE way = ?", (_WAY,)).fetchall()
    )
