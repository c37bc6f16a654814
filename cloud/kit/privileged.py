"""How any feature says that someone used a power over others, without knowing who keeps the record.

`audit` keeps it, and stands above `accounts`; so the protocol lives here and `app.py` joins them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from cloud.kit.database import AsyncSession

Detail = str | int | bool | None


@dataclass(frozen=True)
class PrivilegedAct:
    """Who did what to whom, and why.

    actor: the user's id; None is the system itself (bootstrap, a scheduled task).
    action: stable and dotted: `role.granted`, `gate.opened`.
    subject: kind and id of what was acted on: `user:0190...`, `gate:elm-in-1`.
    details: small and flat; no secret and no personal field, because rows are never edited.
    """

    actor: UUID | None
    action: str
    subject: str
    details: Mapping[str, Detail] = field(default_factory=dict)


class ActRecorder(Protocol):
    """Keeps privileged acts."""

    async def record(self, session: AsyncSession, act: PrivilegedAct) -> None:
        """Store it in the transaction of the act itself: neither exists without the other."""
        ...
