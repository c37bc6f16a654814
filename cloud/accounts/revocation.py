"""Access tokens end before their time: a login that ended, a user whose roles changed.

Redis remembers it as long as such a token could live. Redis away means nobody can be trusted:
503, not a guess.
"""

from dataclasses import dataclass
from uuid import UUID

from cloud.kit.clock import Clock
from cloud.kit.errors import UnavailableError
from cloud.kit.redis import Redis, RedisError

CLOCKS_APART_S = 60


@dataclass(frozen=True)
class Revocations:
    """What no access token can know about itself.

    token_s: how long an access token lives, in seconds.
    """

    redis: Redis
    clock: Clock
    token_s: int

    async def end_login(self, login_id: UUID) -> None:
        """Refuse the access tokens of this login from now on."""
        await self._remember(f"curb:ended:{login_id}", 1)

    async def refuse_older_tokens(self, user_id: UUID) -> None:
        """Refuse the user's access tokens made before now; a refresh brings a good one."""
        await self._remember(f"curb:changed:{user_id}", self.clock.now_ms())

    async def is_revoked(self, login_id: UUID, user_id: UUID, issued_ms: int) -> bool:
        """Whether a token of this login, made then, is refused.

        Raises:
            UnavailableError: it cannot be known.
        """
        keys = [f"curb:ended:{login_id}", f"curb:changed:{user_id}"]
        try:
            ended, changed_ms = await self.redis.mget(keys)
        except (OSError, RedisError) as error:
            raise UnavailableError("Log-ins cannot be checked now; try again soon.") from error
        return ended is not None or (changed_ms is not None and issued_ms < int(changed_ms))

    async def _remember(self, key: str, value: int) -> None:
        try:
            await self.redis.set(key, value, ex=self.token_s + CLOCKS_APART_S)
        except (OSError, RedisError) as error:
            raise UnavailableError("Log-ins cannot be changed now; try again soon.") from error
