"""Who a key and its secret stand for: asked at every request, so remembered for a second.

A revoked key, a locked user and a lost role are refused within `REMEMBERED_MS`, in every process.
"""

import hmac
from collections import OrderedDict
from typing import Final
from uuid import UUID

import msgspec

from cloud.accounts.api_keys.service import secret_hash
from cloud.accounts.client import AddressLimit
from cloud.kit.clock import Clock
from cloud.kit.database import Database
from cloud.kit.errors import UnauthenticatedError

REMEMBERED_MS: Final = 1_000
REMEMBERED_MAX: Final = 10_000
CREDENTIAL_CHARS_MAX: Final = 128

_FIND: Final = """
SELECT k.user_id, k.portfolio_id, k.secret_hash
FROM api_keys k JOIN users u ON u.id = k.user_id
JOIN user_roles r ON r.user_id = u.id AND r.role = 'trader'
WHERE k.id = $1 AND k.revoked_at IS NULL AND NOT u.is_locked
"""


class KeyHolder(msgspec.Struct, frozen=True):
    """Whom a key stands for, and the one portfolio it is good for."""

    key_id: str
    user_id: UUID
    portfolio_id: int


class _Known(msgspec.Struct, frozen=True):
    holder: KeyHolder
    secret_hash: bytes
    until_ms: int


class ApiKeys:
    """Checks keys. clock: real time. limit: bounds wrong tries of one network address."""

    def __init__(self, database: Database, clock: Clock, limit: AddressLimit) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def authenticate(self, key_id: str, secret: str, address: str) -> KeyHolder:
        """The holder of a good key, a user who may trade and is not locked out.

        address: where the request came from; too many wrong tries from there are refused.

        Raises:
            UnauthenticatedError: no such key, a wrong secret, or not good any more.
            RateLimitedError, UnavailableError: as `RateLimits.take`, after a wrong try.
        """
        if len(key_id) <= CREDENTIAL_CHARS_MAX and len(secret) <= CREDENTIAL_CHARS_MAX:
            known = await self._find(key_id)
            if known is not None and hmac.compare_digest(known.secret_hash, secret_hash(secret)):
                return known.holder
        await self._limit.take("api-key", address)
        raise UnauthenticatedError("This API key and secret are not good here.")

    def forget(self, key_id: str) -> None:
        """Ask the database at the next request: the key was revoked in this process."""
        self._known.pop(key_id, None)

    async def _find(self, key_id: str) -> _Known | None:
        now_ms = self._clock.now_ms()
        known = self._known.get(key_id)
        if known is not None and now_ms < known.until_ms:
            return known
        if "\x00" in key_id:
            return None
        row = await self._database.pool.fetchrow(_FIND, key_id)
        if row is None:
            self._known.pop(key_id, None)
            return None
        holder = KeyHolder(key_id, row["user_id"], row["portfolio_id"])
        found = _Known(holder, row["secret_hash"], now_ms + REMEMBERED_MS)
        self._known[key_id] = found
        self._known.move_to_end(key_id)
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return found
