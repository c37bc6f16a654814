"""The journal: every command that was ever applied, in order, batch by batch, and how to read it.

A batch is stored as the engine applied it, because balances and positions are reported once a
batch: replaying the same batches gives the same events, and so the same `events_hash`.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import asyncpg
import msgspec

from cloud.exchange.wishes import Wish, WishTooLarge
from trading.command_base import Command
from trading.commands import KINDS, decode
from trading.event_base import Event
from trading.events import plain

FORMAT: Final = 1
"""First byte of `exchange_journal.commands`; what follows is MessagePack: a list of
[[kind, *fields of the command], [client order ids], source]."""

ROWS_AT_ONCE: Final = 200
_INT_MAX: Final = (1 << 63) - 1
_HASH_BYTES: Final = 16
_KINDS: Final = tuple(KINDS)
_ORDER_KINDS: Final = frozenset((10, 11, 12, 13))

_READ: Final = """
SELECT first_sequence, last_sequence, commands, events_hash FROM exchange_journal
WHERE first_sequence > $1 ORDER BY first_sequence LIMIT $2
"""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[list[object], list[str], str]])


class JournalError(Exception):
    """The journal has a gap, or a batch that this version cannot read."""


class Entry(msgspec.Struct, frozen=True):
    """One command as it was stored."""

    command: Command
    client_order_ids: list[str]
    source: str


class Batch(msgspec.Struct, frozen=True):
    """One batch as it was stored."""

    first_sequence: int
    last_sequence: int
    entries: list[Entry]
    events_hash: bytes

    def commands(self) -> list[Command]:
        """To be given to `Engine.apply_batch` together."""
        return [entry.command for entry in self.entries]


def encode_entry(command: Command, wish: Wish) -> bytes:
    """One command's part of the batch.

    Raises:
        WishTooLarge: a number is larger than the tables can hold.
    """
    kind = command.KIND
    fields = command.as_tuple()
    try:
        encoded = _encoder.encode(((kind, *fields), wish.client_order_ids, wish.source))
    except (OverflowError, UnicodeEncodeError) as problem:
        raise WishTooLarge("A number or a text of this request cannot be stored.") from problem
    # The engine bounds what is in an order; of the rare others, some figures have no bound.
    if kind not in _ORDER_KINDS and not _fits(fields):
        raise WishTooLarge("A number of this request is too large to be stored.")
    return encoded


def join_entries(entries: Sequence[bytes]) -> bytes:
    """The batch, as it is stored."""
    count = len(entries)
    header = b"\xdd" + count.to_bytes(4, "big")
    return b"".join((FORMAT.to_bytes(1, "big"), header, *entries))


def split_entries(stored: bytes) -> list[Entry]:
    """What `join_entries` put together.

    Raises:
        JournalError: another version wrote it, or it is no batch.
    """
    if stored[:1] != FORMAT.to_bytes(1, "big"):
        raise JournalError(f"The journal has a batch in the format {stored[:1].hex() or 'none'}.")
    try:
        rows = _decoder.decode(memoryview(stored)[1:])
    except msgspec.MsgspecError as problem:
        raise JournalError("The journal has a batch that cannot be read.") from problem
    unknown = [fields[:1] for fields, _, _ in rows if not fields or fields[0] not in _KINDS]
    if unknown:
        raise JournalError(f"The journal has commands of unknown kinds: {unknown[:3]}.")
    return [Entry(decode(tuple(fields)), names, source) for fields, names, source in rows]


def hash_of(events: Sequence[Sequence[Event]]) -> bytes:
    """What must come out again when the batch is replayed: 16 bytes over all of its events."""
    return hashlib.blake2b(_encoder.encode(plain(events)), digest_size=_HASH_BYTES).digest()


async def read_batches(
    connection: "asyncpg.Connection[asyncpg.Record]", after_sequence: int = 0
) -> AsyncIterator[Batch]:
    """Every batch behind that command, in order, as far as the journal goes now.

    Raises:
        JournalError: a command is missing, or a batch cannot be read.
    """
    while True:
        rows = await connection.fetch(_READ, after_sequence, ROWS_AT_ONCE)
        for row in rows:
            if row["first_sequence"] != after_sequence + 1:
                raise JournalError(
                    f"The journal goes on with command {row['first_sequence']}"
                    f" behind command {after_sequence}."
                )
            after_sequence = row["last_sequence"]
            yield Batch(
                row["first_sequence"],
                row["last_sequence"],
                split_entries(row["commands"]),
                row["events_hash"],
            )
        if len(rows) < ROWS_AT_ONCE:
            return


def _fits(value: object) -> bool:
    if isinstance(value, int):
        return -_INT_MAX <= value <= _INT_MAX
    if isinstance(value, tuple):
        return all(map(_fits, value))
    return True
