"""Who is asking: the value that routes get as their `user` dependency."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a user may do; a user may have several."""

    DRIVER = "driver"
    TRADER = "trader"
    OPERATOR = "operator"
    TECHNICIAN = "technician"
    ADMIN = "admin"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class User:
    """A signed-in user, as their access token says.

    login_id: the login (row of user_sessions) whose token this is.
    """

    id: UUID
    login_id: UUID
    roles: frozenset[Role]

    def has(self, *roles: Role) -> bool:
        """Whether the user has at least one of these roles."""
        return not self.roles.isdisjoint(roles)
