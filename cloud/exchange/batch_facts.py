"""The outbox rows of a batch: what other processes are told of it."""

import re
from typing import Final

from cloud.events.event import Event as OutboxEvent
from cloud.events.outbox import Outbox
from cloud.exchange.facts import (
    BATCH_COMMITTED,
    BATCHES,
    RISK_VIOLATED,
    TRANSFERS,
    VENUE,
    VIOLATIONS,
    BatchCommitted,
    RiskViolated,
    VenueFact,
    Violation,
)
from cloud.exchange.read_model import BatchRows
from trading.event_base import Event
from trading.events import (
    CashMoved,
    DividendPaid,
    UnitsMoved,
    WithdrawalEnded,
    WithdrawalReserved,
)

LISTED_MAX: Final = 1_000
_KEY: Final = "exchange"
_TRANSFERS: Final = (CashMoved, UnitsMoved, DividendPaid, WithdrawalReserved, WithdrawalEnded)


def facts_of(
    outbox: Outbox, rows: BatchRows, *, first_sequence: int, last_sequence: int, at_ns: int
) -> list[OutboxEvent]:
    """What to write into the outbox with this batch, in the order of events, the batch last."""
    facts = [_venue_fact(outbox, event) for event in rows.notable]
    if rows.violations:
        listed = [
            Violation(one.sequence, one.portfolio_id, one.instrument_id, one.reason)
            for one in rows.violations[:LISTED_MAX]
        ]
        facts.append(outbox.event(VIOLATIONS, _KEY, RISK_VIOLATED, RiskViolated(at_ns, listed)))
    touched = sorted(rows.balances.keys() | {key[0] for key in rows.positions})
    batch = BatchCommitted(
        first_sequence,
        last_sequence,
        at_ns,
        orders=len(rows.orders),
        trades=len(rows.trades),
        portfolios=touched[:LISTED_MAX],
        is_cut=len(touched) > LISTED_MAX,
    )
    facts.append(outbox.event(BATCHES, _KEY, BATCH_COMMITTED, batch))
    return facts


def _venue_fact(outbox: Outbox, event: Event) -> OutboxEvent:
    topic = TRANSFERS if isinstance(event, _TRANSFERS) else VENUE
    fact = VenueFact(event.sequence, event.KIND, event.as_tuple()[1:])
    return outbox.event(topic, _KEY, _snake(type(event).__name__), fact)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
