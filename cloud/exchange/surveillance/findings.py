"""What a detector says: who may have done what, with the evidence a reviewer starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

NS_PER_S: Final = 1_000_000_000
BUCKET_NS: Final = 60 * NS_PER_S
EVIDENCE_MAX: Final = 20


class Rule(StrEnum):
    """Which heuristic fired; stored, so a word is never used again for another."""

    SELF_TRADE = "self_trade"
    AUCTION_CROSS = "auction_cross"
    ROUND_TRIP = "round_trip"
    LAYERING = "layering"
    SPOOFING = "spoofing"
    MOMENTUM_IGNITION = "momentum_ignition"


class Pattern(StrEnum):
    """The kind of abuse a rule points to."""

    WASH_TRADE = "wash_trade"
    LAYERING = "layering"
    MOMENTUM_IGNITION = "momentum_ignition"


PATTERNS: Final[Mapping[Rule, Pattern]] = {
    Rule.SELF_TRADE: Pattern.WASH_TRADE,
    Rule.AUCTION_CROSS: Pattern.WASH_TRADE,
    Rule.ROUND_TRIP: Pattern.WASH_TRADE,
    Rule.LAYERING: Pattern.LAYERING,
    Rule.SPOOFING: Pattern.LAYERING,
    Rule.MOMENTUM_IGNITION: Pattern.MOMENTUM_IGNITION,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspicion: a reason to look, never a verdict.

    other_account_id: the other side of a round trip; 0 where there is none.
    sequence, at_ns: of the command that completed the pattern; first_at_ns: where it began.
    trade_ids, order_ids: evidence, at most EVIDENCE_MAX of each, newest last.
    figures: what was measured, in the units their names say.
    """

    rule: Rule
    account_id: int
    instrument_id: int
    sequence: int
    first_at_ns: int
    at_ns: int
    sentence: str
    other_account_id: int = 0
    trade_ids: tuple[int, ...] = ()
    order_ids: tuple[int, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Equal for findings of one rule, party and instrument in one minute: stored once.

        It does not contain the sequence: whoever reads the stream again from another point may see
        another command complete the same pattern, and must not report it twice.
        """
        parties = f"{self.account_id}-{self.other_account_id}"
        return f"{self.rule}:{parties}:{self.instrument_id}:{self.at_ns // BUCKET_NS}"


class OncePerBucket:
    """Keeps a detector from finding the same again and again within one minute of the venue."""

    def __init__(self) -> None:
        self._bucket = -1
        self._keys: set[tuple[Rule, int, int, int]] = set()

    def is_first(
        self, rule: Rule, account: int, instrument: int, at_ns: int, other: int = 0
    ) -> bool:
        """Whether this was not found in this minute yet; from now on it was."""
        bucket = at_ns // BUCKET_NS
        if bucket != self._bucket:
            self._bucket = bucket
            self._keys.clear()
        key = (rule, account, instrument, other)
        if key in self._keys:
            return False
        self._keys.add(key)
        return True
