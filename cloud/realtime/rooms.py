"""What rooms there are, who may be in them, and what one sees on coming in.

Higher features add their kinds in `app.py`; this package knows none of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cloud.accounts.user import User
from protocols.realtime import is_room


class RoomKind(Protocol):
    """One kind of room, named `{name}:{key}`: `lot:elm`.

    is_personal: clients call their own room `{name}:me`; its key is the user's id, and nobody else
        is ever let in.
    """

    name: str
    is_personal: bool

    async def may_join(self, user: User, key: str) -> bool:
        """Whether this user may hear this room; False also for a room that does not exist."""
        ...

    async def snapshot(self, key: str) -> object:
        """The room's state now, from committed data: anything msgspec writes as JSON.

        It may already contain facts whose events still follow; an event therefore says what is.
        """
        ...


class UnknownRoomError(LookupError):
    """No kind of this name was added, or the name is not one of a room."""


@dataclass(frozen=True)
class Room:
    """A room by both its names.

    name: within the cloud, `user:0190...`; wire_name: what its clients call it, `user:me`.
    """

    kind: RoomKind
    key: str
    name: str
    wire_name: str


class Rooms:
    """The kinds of rooms of this process."""

    def __init__(self, kinds: Iterable[RoomKind] = ()) -> None:
        self._kinds: dict[str, RoomKind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: RoomKind) -> None:
        """Make a kind known, before the first connection.

        Raises:
            ValueError: there is one of this name.
        """
        if kind.name in self._kinds:
            raise ValueError(f"There is a kind of room named {kind.name} already.")
        self._kinds[kind.name] = kind

    def find(self, name: str) -> Room:
        """The room by its name within the cloud.

        Raises:
            UnknownRoomError: there is no such kind.
        """
        kind_name, _, key = name.partition(":")
        kind = self._kinds.get(kind_name)
        if kind is None or not is_room(name):
            raise UnknownRoomError(f"There are no rooms named like {name!r}.")
        return Room(kind, key, name, f"{kind_name}:me" if kind.is_personal else name)

    def find_for(self, user: User, wire_name: str) -> Room:
        """The room that this user calls so.

        Raises:
            UnknownRoomError: there is no such kind, or it is another user's own room.
        """
        kind_name, _, key = wire_name.partition(":")
        kind = self._kinds.get(kind_name)
        if kind is not None and kind.is_personal:
            if key != "me":
                raise UnknownRoomError(f"Call your own room {kind_name}:me.")
            return self.find(f"{kind_name}:{user.id}")
        return self.find(wire_name)
