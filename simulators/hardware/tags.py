"""The cards a simulated driver can hold up, and a card as a small dict.

The dict (`tag.dump()`, `load`) carries a card with its memory from one simulated gate to another:
`{"type": "ntag213", "uid": "04a1b2c3d4e5f6", "memory": "..."}`, both hex.
"""

from simulators.hardware.classic1k import Classic1K
from simulators.hardware.iso14443a import Tag, cascade, crc_a
from simulators.hardware.ntag21x import Ntag213, Ntag215

__all__ = ["KINDS", "Classic1K", "Ntag213", "Ntag215", "Tag", "cascade", "crc_a", "load", "make"]

KINDS = {kind.kind: kind for kind in (Tag, Classic1K, Ntag213, Ntag215)}


def make(kind, uid):
    """A card fresh from the factory: "classic1k", "ntag213", "ntag215", or "uid" (nothing but a
    UID).

    uid: 4, 7 or 10 bytes.
    """
    if kind not in KINDS:
        raise ValueError("no such card: " + kind)
    return KINDS[kind](uid)


def load(dumped):
    """The card that `dump` described."""
    tag = make(dumped["type"], bytes.fromhex(dumped["uid"]))
    tag.restore(bytes.fromhex(dumped["memory"]))
    return tag
