"""Reads a recorded session: one message a line, `date time,ms JSON`, in the order they came.

The leading `open` messages without a time are the book when it began, in price-time order; then
what happened. Lines are read one by one: a session may be of any length. Beside `NAME.in.gz` (or
`NAME.in`) may lie `NAME.out`, the book that the venue had at one sequence number, its best levels.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Message = dict[str, Any]
Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Scale:
    """How many ticks make up one currency unit, how many units one whole of what is traded."""

    ticks: int
    units: int


@dataclass(frozen=True, slots=True)
class RecordedBook:
    """Best levels first, (price, size), as they were at a sequence number."""

    sequence: int
    bids: list[Level]
    asks: list[Level]


def sessions(path: Path) -> list[Path]:
    """The session files in a folder, or the one that this is."""
    if path.is_dir():
        return sorted([*path.glob("*.in"), *path.glob("*.in.gz")])
    return [path]


def read_messages(path: Path) -> Iterator[Message]:
    """The messages of a session file, packed or not; lines without one are passed over."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            begin = line.find("{")
            if begin >= 0:
                yield json.loads(line[begin:])


def read_book(path: Path) -> RecordedBook | None:
    """The book recorded beside a session file, where there is one."""
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".in") + ".out")
    if not beside.is_file():
        return None
    found = json.loads(beside.read_text(), parse_float=Decimal, parse_int=Decimal)
    sides = [[(price, size) for price, size in found[side]] for side in ("bids", "asks")]
    return RecordedBook(int(found["sequence"]), sides[0], sides[1])


def scale_of(messages: Iterable[Message]) -> Scale:
    """The coarsest scale in which every price and size of the session is whole."""
    price_digits = size_digits = 2
    for message in messages:
        price_digits = max(price_digits, _digits(message.get("price")))
        for name in ("size", "remaining_size", "new_size", "old_size"):
            size_digits = max(size_digits, _digits(message.get(name)))
    return Scale(10**price_digits, 10**size_digits)


def _digits(value: object) -> int:
    if value is None:
        return 0
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
