"""Cards as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.kit.patterns import END
from cloud.parking.tags.rules import TagState
from cloud.parking.vocabulary import Note, Reason

Uid = Annotated[str, msgspec.Meta(min_length=8, max_length=40, pattern=r"^[0-9A-Fa-f :-]+" + END)]


class TagClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A driver registers a card of their own: what is printed on it, or a phone reads from it."""

    uid: Uid
    vehicle_id: UUID | None = None
    note: Note = ""


class TagCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An operator registers a card. level: 1 for cards personalised with a key and a counter."""

    uid: Uid
    user_id: UUID | None = None
    level: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0
    note: Note = ""


class TagStateChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Block a card, unblock it, or mark it lost; the reason is kept in the audit trail."""

    state: TagState
    reason: Reason


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A card. uid_end: its last four digits, enough to tell one's cards apart."""

    id: UUID
    uid_end: str
    tag_key: str
    user_id: UUID | None
    vehicle_id: UUID | None
    level: int
    state: TagState
    state_at: datetime
    note: str
    created_at: datetime
