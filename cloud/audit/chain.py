"""How audit rows are chained, and how the first one that does not fit is found. Pure.

Each row's code is an HMAC over the code of the row before and the row itself, with a key that is
not in the database: who can write the database but not read the key file cannot make a row that
fits.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

GENESIS: Final = bytes(32)


@dataclass(frozen=True)
class Entry:
    """One act as it is authenticated; at_us: microseconds since 1970, all that PostgreSQL keeps."""

    sequence: int
    at_us: int
    actor: UUID | None
    action: str
    subject: str
    details: str


@dataclass(frozen=True)
class Link:
    """An entry and the code stored with it."""

    entry: Entry
    mac: bytes


@dataclass(frozen=True)
class Flaw:
    """The first place where the chain is broken."""

    sequence: int
    what: str


def link_mac(key: bytes, before: bytes, entry: Entry) -> bytes:
    """32 bytes that fit this entry after that one, and nothing else."""
    return hmac.digest(key, b"curb audit 1\n" + before + msgspec.json.encode(entry), "sha256")


class ChainCheck:
    """Feed it the rows in the order of their sequence; it keeps the first flaw it meets."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._mac = GENESIS
        self.sequence = 0

    def first_flaw(self, links: Iterable[Link]) -> Flaw | None:
        """The first of these rows that does not fit after those before; None when all fit."""
        for link in links:
            expected = self.sequence + 1
            if link.entry.sequence != expected:
                return Flaw(expected, f"Row {expected} was removed.")
            mac = link_mac(self._key, self._mac, link.entry)
            if not hmac.compare_digest(mac, link.mac):
                return Flaw(expected, f"Row {expected} was edited, replaced or moved.")
            self._mac, self.sequence = mac, expected
        return None

    def tail_flaw(self, head_sequence: int, head_mac: bytes) -> Flaw | None:
        """Whether the rows end where the head says, once all were fed."""
        if head_sequence == self.sequence and hmac.compare_digest(head_mac, self._mac):
            return None
        missing = self.sequence + 1
        return Flaw(missing, f"The head says {head_sequence}; row {missing} or later was removed.")
