"""Writes one batch into the database: rows in, one statement out, durable when it returns."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from cloud.events.event import Event as OutboxEvent
from cloud.exchange.batch_sql import PARTS, packer_of, statement
from cloud.exchange.order_params import Row, add_order, at_of
from cloud.exchange.read_model import BatchRows

# A plan is made once, perhaps while a table is still empty: it must not be one for empty tables.
_PLANNER: Final = """
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET jit = off;
SET plan_cache_mode = force_generic_plan
"""

_packed_trade: Final = packer_of("trades")
_packed_balance: Final = packer_of("balances")
_packed_position: Final = packer_of("positions")


class StoredBatch(msgspec.Struct, frozen=True):
    """All that one transaction writes."""

    first_sequence: int
    last_sequence: int
    at_ns: int
    commands: bytes
    events_hash: bytes
    rows: BatchRows
    facts: Sequence[OutboxEvent]


async def prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Make a connection fit to store batches; once, before the first."""
    await connection.execute(_PLANNER)


async def store(connection: "asyncpg.Connection[asyncpg.Record]", batch: StoredBatch) -> None:
    """Write it; durable when this returns.

    Raises:
        asyncpg.UniqueViolationError: another process has written these sequence numbers.
    """
    text, arguments = to_statement(batch)
    await connection.execute(text, *arguments)


def to_statement(batch: StoredBatch) -> tuple[str, list[object]]:
    """The statement of a batch, and its arguments."""
    parts = _parts_of(batch.rows, batch.facts)
    names = tuple(name for name in PARTS if parts.get(name))
    arguments: list[object] = [
        at_of(batch.at_ns),
        batch.first_sequence,
        batch.last_sequence,
        batch.commands,
        batch.events_hash,
    ]
    for name in names:
        arguments.extend(zip(*parts[name], strict=True))
    return statement(names), arguments


def _parts_of(rows: BatchRows, facts: Iterable[OutboxEvent]) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = defaultdict(list)
    for draft in rows.orders:
        add_order(parts, draft)
    parts["trades"] = [(_packed_trade(*row),) for row in rows.trades]
    parts["balances"] = [(_packed_balance(*row),) for row in rows.balances.values()]
    parts["positions"] = [(_packed_position(*row),) for row in rows.positions.values()]
    parts["activities"] = rows.activities
    parts["splits"] = rows.splits
    parts["violations"] = [(*row[:-1], _json(row[-1])) for row in rows.violations]
    parts["limits"] = list(rows.limits.values())
    parts["switches"] = list(rows.switches.values())
    parts["instruments"] = [
        (*row[:3], _json(row[3]), *row[4:]) for row in rows.instruments.values()
    ]
    parts["outbox"] = [
        (fact.id, fact.topic, fact.key, fact.type, bytes(fact.payload).decode()) for fact in facts
    ]
    return parts


def _json(value: Any) -> str:  # noqa: ANN401 -- whatever msgspec writes
    return msgspec.json.encode(value).decode()
