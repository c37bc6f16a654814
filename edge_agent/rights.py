"""The rights list as the cloud sends it: checked, applied whole or not at all, and kept.

A difference must be exactly the next version; anything else asks for the full list, which comes in
parts and is applied when all are there. The hash over the result is compared before anything is
written, so a site is never left with half of two lists.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from edge_agent.index import RightsIndex, tag_of
from edge_agent.store import get_meta, set_meta
from protocols import rights_hash
from protocols.site import Right, RightsList

PROBLEM_MAC: Final = "bad_mac"
PROBLEM_NOT_NEXT: Final = "not_next"
PROBLEM_HASH: Final = "wrong_hash"
PROBLEM_EXPIRED: Final = "expired"
PROBLEM_MALFORMED: Final = "malformed"
PROBLEM_FOREIGN: Final = "foreign_site"

PARTS_MAX: Final = 10_000
RIGHTS_MAX: Final = 1_000_000

_PUT: Final = (
    "INSERT INTO rights VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET tag = excluded.tag, "
    "lot = excluded.lot, flags = excluded.flags, from_s = excluded.from_s, "
    "until_s = excluded.until_s"
)
_ALL: Final = "SELECT id, tag, lot, flags, from_s, until_s FROM rights"


class ListState(msgspec.Struct, frozen=True, kw_only=True):
    """Which list is in force; version 0 is none."""

    version: int = 0
    hash: str = rights_hash.EMPTY
    count: int = 0
    issued_at_ms: int = 0
    expires_at_ms: int = 0


class ListProblemError(Exception):
    """A list was refused; `code` is what the report calls it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class FullList:
    """A complete list out of its parts, checked, with the index that will serve it."""

    state: ListState
    rights: list[Right]
    index: RightsIndex


@dataclass(frozen=True)
class Change:
    """What a difference did to the list in force."""

    state: ListState
    added: list[Right]
    removed: list[Right]


def check(message: RightsList, current: ListState, *, site: str, now_ms: int | None) -> bool:
    """Whether a list is news; False for one that is here already.

    Raises:
        ListProblemError: it must not be applied; the full list is needed.
    """
    if message.site != site:
        raise ListProblemError(PROBLEM_FOREIGN, f"The list is for the site {message.site}.")
    if now_ms is not None and now_ms >= message.expires_at_ms:
        raise ListProblemError(PROBLEM_EXPIRED, f"The list expired at {message.expires_at_ms}.")
    if message.base_version is None:
        return _check_full(message, current)
    if message.version <= current.version:
        return False
    if message.version != current.version + 1 or message.base_version != current.version:
        raise ListProblemError(
            PROBLEM_NOT_NEXT,
            f"A difference from {message.base_version} to {message.version} does not fit "
            f"version {current.version}.",
        )
    if message.parts != 1:
        raise ListProblemError(PROBLEM_MALFORMED, "A difference comes in one part.")
    return True


def _check_full(message: RightsList, current: ListState) -> bool:
    if not (0 <= message.part < message.parts <= PARTS_MAX) or message.version < 0:
        raise ListProblemError(
            PROBLEM_MALFORMED, f"Part {message.part} of {message.parts} is none."
        )
    if message.version < current.version:
        # Somebody plays back an old list, or the cloud lost its memory and must number higher.
        raise ListProblemError(
            PROBLEM_NOT_NEXT, f"Version {message.version} is older than {current.version}."
        )
    return True


class PartsCollector:
    """Gathers the parts of one full list; parts of another one start anew."""

    def __init__(self) -> None:
        self._key: tuple[int, str, int] | None = None
        self._parts: dict[int, list[Right]] = {}
        self._head: RightsList | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether some parts are here and others not."""
        return self._key is not None

    def add(self, message: RightsList) -> RightsList | None:
        """Take a checked part; returns the whole list as one message once it is complete.

        Raises:
            ListProblemError: it grows beyond all measure.
        """
        key = (message.version, message.hash, message.parts)
        if key != self._key:
            self._key, self._parts = key, {}
        self._parts[message.part] = message.entries
        if sum(map(len, self._parts.values())) > RIGHTS_MAX:
            self.clear()
            raise ListProblemError(PROBLEM_MALFORMED, f"More than {RIGHTS_MAX} rights.")
        if len(self._parts) < message.parts:
            return None
        entries = [right for number in range(message.parts) for right in self._parts[number]]
        self.clear()
        return msgspec.structs.replace(message, part=0, parts=1, entries=entries)

    def clear(self) -> None:
        """Forget the parts."""
        self._key, self._parts = None, {}


def assemble(whole: RightsList, current: ListState) -> FullList:
    """Check the hash of a whole list and index it; pure and slow, for a thread.

    Raises:
        ListProblemError: the hash or a tag is wrong.
    """
    rights = list({right.id: right for right in whole.entries}.values())
    found = rights_hash.rights_hash(rights)
    if found != whole.hash:
        raise ListProblemError(PROBLEM_HASH, f"The list hashes to {found}, not {whole.hash}.")
    state = _state_after(whole, current, len(rights))
    return FullList(state, rights, _index(rights))


def _index(rights: Iterable[Right]) -> RightsIndex:
    try:
        return RightsIndex(rights)
    except ValueError as error:
        raise ListProblemError(PROBLEM_MALFORMED, str(error)) from error


def _state_after(message: RightsList, current: ListState, count: int) -> ListState:
    # The same list played back must not look younger or older than it is.
    same = (message.version, message.hash) == (current.version, current.hash)
    return ListState(
        version=message.version,
        hash=message.hash,
        count=count,
        issued_at_ms=max(message.issued_at_ms, current.issued_at_ms if same else 0),
        expires_at_ms=max(message.expires_at_ms, current.expires_at_ms if same else 0),
    )


def store_full(connection: sqlite3.Connection, full: FullList) -> None:
    """Put a full list in the place of the one before."""
    connection.execute("DELETE FROM rights")
    connection.executemany(_PUT, map(_row, full.rights))
    set_meta(connection, "rights", msgspec.json.encode(full.state))


def store_delta(
    connection: sqlite3.Connection, message: RightsList, current: ListState
) -> Change | ListProblemError:
    """Apply a checked difference; a problem is returned, with nothing written."""
    entries = list({right.id: right for right in message.entries}.values())
    try:
        for right in entries:
            tag_of(right)
    except ValueError as error:
        return ListProblemError(PROBLEM_MALFORMED, str(error))
    touched = {right.id for right in entries} | set(message.removed)
    before = [old for id_ in touched if (old := _find(connection, id_)) is not None]
    found = rights_hash.changed_hash(current.hash, added=entries, removed=before)
    if found != message.hash:
        return ListProblemError(PROBLEM_HASH, f"The list hashes to {found}, not {message.hash}.")
    kept = {right.id for right in entries}
    gone = [(id_,) for id_ in message.removed if id_ not in kept]
    connection.executemany("DELETE FROM rights WHERE id = ?", gone)
    connection.executemany(_PUT, map(_row, entries))
    state = _state_after(message, current, current.count + len(entries) - len(before))
    set_meta(connection, "rights", msgspec.json.encode(state))
    return Change(state, entries, before)


def load(connection: sqlite3.Connection) -> tuple[ListState, RightsIndex, bool]:
    """The stored list: its state, its index, and whether it still hashes to what it should."""
    stored = get_meta(connection, "rights")
    state = ListState() if stored is None else msgspec.json.decode(stored, type=ListState)
    rights = [_right(row) for row in connection.execute(_ALL)]
    is_sound = rights_hash.rights_hash(rights) == state.hash
    return state, RightsIndex(rights), is_sound


def _find(connection: sqlite3.Connection, id_: str) -> Right | None:
    row = connection.execute(f"{_ALL} WHERE id = ?", (id_,)).fetchone()
    return None if row is None else _right(row)


def _row(right: Right) -> tuple[str, str, str, int, int, int]:
    return right.id, right.tag, right.lot, right.flags, right.from_s, right.until_s


def _right(row: tuple[str, str, str, int, int, int]) -> Right:
    id_, tag, lot, flags, from_s, until_s = row
    return Right(id=id_, tag=tag, lot=lot, flags=flags, from_s=from_s, until_s=until_s)
