"""What the exchange tells other processes: topics and bodies of its outbox rows.

They are written in the batch's own transaction. Who lives in the exchange's process hears more,
and sooner, from `Sequencer.subscribe`.
"""

from typing import Final

import msgspec

BATCHES: Final = "exchange.batches"
"""One event a batch, of type `batch_committed`: what changed; details are in the tables."""

VENUE: Final = "exchange.venue"
"""Rare facts, one event each: `instrument_listed`, `phase_changed`, `bands_changed`,
`auction_held`, `kill_switch_set`, `day_advanced`, `units_split`, `portfolio_opened`,
`limits_set`. The body is a `VenueFact`."""

TRANSFERS: Final = "exchange.transfers"
"""Cash and units that came or went: `cash_moved`, `units_moved`, `dividend_paid`,
`withdrawal_reserved`, `withdrawal_ended`. The body is a `VenueFact`."""

VIOLATIONS: Final = "exchange.violations"
"""One event `risk_violated` for each batch in which risk refused something: `RiskViolated`."""

RISK_VIOLATED: Final = "risk_violated"

BATCH_COMMITTED: Final = "batch_committed"


class BatchCommitted(msgspec.Struct, frozen=True):
    """What a batch did, in numbers, and whom it touched.

    portfolios: those with a changed balance or position, at most 1,000; `is_cut` where more.
    """

    first_sequence: int
    last_sequence: int
    at_ns: int
    orders: int
    trades: int
    portfolios: list[int]
    is_cut: bool = False


class Violation(msgspec.Struct, frozen=True):
    """Something that risk refused; `reason` is a `trading.reasons.Reason`."""

    sequence: int
    portfolio_id: int
    instrument_id: int
    reason: int


class RiskViolated(msgspec.Struct, frozen=True):
    """What risk refused in a batch; at most 1,000, the rest is in `risk_violations`."""

    at_ns: int
    violations: list[Violation]


class VenueFact(msgspec.Struct, frozen=True):
    """An event of the engine: its kind and the fields of `trading.events.encode`, in order."""

    sequence: int
    kind: int
    fields: tuple[object, ...]
