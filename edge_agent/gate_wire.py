"""Messages to and from gates: checked decoding, and a link to publish on."""

from typing import Final, TypeVar

import msgspec

from edge_agent.link import Link
from edge_agent.quarantine import REASON_MALFORMED, REASON_OVERSIZED, REASON_VERSION, Quarantine
from protocols.portable import topics, version

T = TypeVar("T")

UP_BYTES_MAX: Final = 4096
"""Gates send at most 1 KiB; what is larger is not a gate's."""


class GateWire:
    """The site broker as the agent's gate-side code sees it; `link` is given once it is made."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self.link: Link | None = None

    async def publish(
        self, gate: str, leaf: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> bool:
        """Send a gate something; False when the link is down."""
        if self.link is None:
            return False
        return await self.link.publish(topics.gate(gate, leaf), payload, qos=qos, retain=retain)

    def decode(self, gate: str, payload: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
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
