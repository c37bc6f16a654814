"""What could not be read is set aside, said once, and never stops the rest.

A device gone mad can send thousands a second; the report of it must not fill the outbox. So each
source and reason is told at most once a minute with the count of the others, and the sources
themselves are bounded.
"""

from typing import Any, Final

import structlog

from edge_agent.clock import TrustedClock
from edge_agent.outbox import Outbox
from protocols.portable import codes

REASON_MALFORMED: Final = "malformed"
REASON_OVERSIZED: Final = "oversized"
REASON_VERSION: Final = "wrong_version"
REASON_FOREIGN: Final = "foreign_device"
REASON_BOOT: Final = "boot_went_back"

TELL_EVERY_MS: Final = 60_000
SOURCES_MAX: Final = 256
_SHOWN_BYTES: Final = 256

log = structlog.get_logger()


class Quarantine:
    """Counts and tells."""

    def __init__(self, outbox: Outbox, clock: TrustedClock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[int, int]] = {}
        self.count = 0

    def put(self, source: str, reason: str, payload: bytes, detail: str = "") -> None:
        """Set a payload aside.

        source: the device or site it came from, or claims to.
        detail: a sentence for whoever looks into it.
        """
        self.count += 1
        now_ms = self._clock.up_ms()
        key = (source, reason)
        if key not in self._told and len(self._told) >= SOURCES_MAX:
            key = ("others", reason)
        told_ms, held_back = self._told.get(key, (None, 0))
        if told_ms is not None and now_ms - told_ms < TELL_EVERY_MS:
            self._told[key] = (told_ms, held_back + 1)
            return
        self._told[key] = (now_ms, 0)
        log.warning("quarantined", source=source, reason=reason, detail=detail)
        self._outbox.report(
            codes.QUARANTINED,
            self.facts(source, reason, payload, detail)
            | {
                "held_back": held_back,
            },
        )

    @staticmethod
    def facts(source: str, reason: str, payload: bytes, detail: str) -> dict[str, Any]:
        """What an event tells of a payload: its beginning, readable whatever it was."""
        shown = payload[:_SHOWN_BYTES].decode("ascii", "backslashreplace").replace("\0", "\\x00")
        return {
            "gate": source,
            "reason": reason,
            "detail": detail[:200].replace("\0", "\\x00"),
            "bytes": len(payload),
            "payload": shown,
        }
