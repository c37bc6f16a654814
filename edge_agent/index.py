"""The rights in memory, by tag: what a decision looks into.

Plain tuples of plain values: the garbage collector stops tracking them, so that 100,000 rights do
not make it pause a lane.
"""

from binascii import unhexlify
from collections.abc import Iterable, Sequence
from sys import intern
from typing import Final, TypeAlias

from protocols.portable import access, macs
from protocols.site import Right

Entry: TypeAlias = tuple[int, int, int, str, str]
"""(flags, from_s, until_s, lot, id)"""

_NOTHING: Final[tuple[Entry, ...]] = ()


class RightsIndex:
    """All rights of a site, each tag's in the order they start."""

    def __init__(self, rights: Iterable[Right] = ()) -> None:
        """Take a whole list.

        Raises:
            ValueError: a tag is not 14 hex digits.
        """
        self._by_tag: dict[bytes, tuple[Entry, ...]] = {}
        self.count = 0
        self.add(rights)

    def add(self, rights: Iterable[Right]) -> None:
        """Put in rights whose ids are not in the index.

        Raises:
            ValueError: a tag is not 14 hex digits; the ones before it are in.
        """
        for right in rights:
            tag = tag_of(right)
            entry = (right.flags, right.from_s, right.until_s, intern(right.lot), right.id)
            others = self._by_tag.get(tag)
            if others is None:
                self._by_tag[tag] = (entry,)
            else:
                self._by_tag[tag] = tuple(sorted((*others, entry), key=_start))
            self.count += 1

    def remove(self, rights: Iterable[Right]) -> None:
        """Take out rights that are in the index, as they were put in."""
        for right in rights:
            tag = tag_of(right)
            rest = tuple(entry for entry in self._by_tag[tag] if entry[4] != right.id)
            self.count -= len(self._by_tag[tag]) - len(rest)
            if rest:
                self._by_tag[tag] = rest
            else:
                del self._by_tag[tag]

    def entries(self, tag: bytes) -> Sequence[Entry]:
        """The rights of a tag, in all lots; empty for an unknown one."""
        return self._by_tag.get(tag, _NOTHING)


def seen_from(lot: str, entries: Sequence[Entry]) -> list[tuple[int, int, int]]:
    """Entries as `access.decide` takes them at a lane of `lot`: those of others are marked."""
    return [
        (flags if home == lot else flags | access.FLAG_OTHER_LOT, from_s, until_s)
        for flags, from_s, until_s, home, _ in entries
    ]


def tag_of(right: Right) -> bytes:
    """The tag key of a right.

    Raises:
        ValueError: it is not 14 hex digits.
    """
    tag = unhexlify(right.tag)
    if len(tag) != macs.TAG_KEY_BYTES:
        raise ValueError(f"The tag {right.tag!r} of the right {right.id!r} is not 14 hex digits.")
    return tag


def _start(entry: Entry) -> int:
    return entry[1]
