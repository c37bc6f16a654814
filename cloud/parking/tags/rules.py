"""UIDs in their one spelling, and the states of a card."""

from enum import StrEnum

from protocols.portable import macs

UID_BYTES = (4, 7, 10)


class TagState(StrEnum):
    """Stored and shown; blocked and lost ones are refused at every entry."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    LOST = "lost"


def uid_bytes(text: str) -> bytes | None:
    """The UID somebody typed or scanned, with colons, blanks or hyphens; None if it is not one."""
    digits = "".join(c for c in text if c not in " :-")
    try:
        uid = bytes.fromhex(digits)
    except ValueError:
        return None
    return uid if len(uid) in UID_BYTES else None


def tag_key(uid: bytes) -> str:
    """The 14 hex digits by which rights lists and events name the card."""
    return macs.tag_key(uid).hex()
