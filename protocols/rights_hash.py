"""One hash over a site's rights, so that cloud and agent know they hold the same list.

The hash is the XOR of the SHA-256 of every right: it follows a delta without reading the whole
list again. It detects mistakes; against forgery each list carries a MAC.
"""

import hashlib
from collections.abc import Iterable

from protocols.site import Right

EMPTY = "0" * 64


def right_digest(right: Right) -> int:
    """The SHA-256 of one right as an integer."""
    text = f"{right.id}\n{right.tag}\n{right.lot}\n{right.flags}\n{right.from_s}\n{right.until_s}\n"
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def changed_hash(current: str, *, added: Iterable[Right], removed: Iterable[Right]) -> str:
    """The hash (64 hex digits) of a list after rights were added and others removed.

    A changed right is one removed (as it was) and one added (as it is).
    """
    value = int(current, 16)
    for right in added:
        value ^= right_digest(right)
    for right in removed:
        value ^= right_digest(right)
    return f"{value:064x}"


def rights_hash(rights: Iterable[Right]) -> str:
    """The hash of a whole list, in any order."""
    return changed_hash(EMPTY, added=rights, removed=())
