"""What a trader does with keys: make one, list them, revoke one."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from cloud.accounts.api_keys.errors import (
    ApiKeyMissingError,
    KeyPortfolioMissingError,
    TooManyApiKeysError,
)
from cloud.accounts.api_keys.schemas import ApiKey, NewApiKey
from cloud.accounts.api_keys.tables import ApiKeyRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct

KEYS_MAX: Final = 50
KEY_ID_PREFIX: Final = "CK"
_SHORT_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LONG_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Draw = Callable[[Sequence[str]], str]


class PortfolioOwners(Protocol):
    """Whose portfolio is whose; the exchange knows, which stands above."""

    async def number_of(self, session: AsyncSession, user_id: UUID, public: UUID) -> int | None:
        """The number of this user's portfolio; None if it is not theirs, or closed."""
        ...

    def public_of(self, portfolio_id: int) -> UUID:
        """The id that users see."""
        ...


def secret_hash(secret: str) -> bytes:
    """What is stored of a secret. It has 238 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()


class ApiKeyService:
    """A user's keys, within one session. draw: picks one of some letters, unguessably."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        clock: Clock,
        owners: PortfolioOwners,
        acts: ActRecorder,
        draw: Draw = secrets.choice,
    ) -> None:
        self._session = session
        self._clock = clock
        self._owners = owners
        self._acts = acts
        self._draw = draw

    async def create(self, user_id: UUID, portfolio: UUID, name: str) -> NewApiKey:
        """A new key with its secret.

        Raises:
            KeyPortfolioMissingError: the portfolio is not this user's.
            TooManyApiKeysError: the user has fifty good keys already.
        """
        portfolio_id = await self._owners.number_of(self._session, user_id, portfolio)
        if portfolio_id is None:
            raise KeyPortfolioMissingError("You have no open portfolio of this id.")
        good = select(func.count()).where(
            col(ApiKeyRow.user_id) == user_id, col(ApiKeyRow.revoked_at).is_(None)
        )
        if (await self._session.scalar(good) or 0) >= KEYS_MAX:
            raise TooManyApiKeysError(f"You have {KEYS_MAX} keys already; revoke one first.")
        key_id = KEY_ID_PREFIX + "".join(self._draw(_SHORT_LETTERS) for _ in range(18))
        secret = "".join(self._draw(_LONG_LETTERS) for _ in range(40))
        row = ApiKeyRow(
            id=key_id,
            user_id=user_id,
            portfolio_id=portfolio_id,
            name=name,
            secret_hash=secret_hash(secret),
            created_at=self._clock.now(),
        )
        self._session.add(row)
        await self._session.flush()
        await self._record("api_key.created", user_id, key_id, portfolio)
        return NewApiKey(
            id=key_id, secret=secret, portfolio_id=portfolio, name=name, created_at=row.created_at
        )

    async def list_all(self, user_id: UUID, page: PageRequest) -> Page[ApiKey]:
        """The user's keys by id, revoked ones too."""
        query = select(ApiKeyRow).where(col(ApiKeyRow.user_id) == user_id)
        if (after := page.after(tuple[str])) is not None:
            query = query.where(col(ApiKeyRow.id) > after[0])
        rows = (await self._session.scalars(query.order_by("id").limit(page.fetch))).all()
        return page.page(rows, self._to_schema, lambda row: (row.id,))

    async def revoke(self, user_id: UUID, key_id: str) -> ApiKey:
        """End a key; nothing happens if it has ended.

        Raises:
            ApiKeyMissingError: the user has no such key.
        """
        row = await self._session.get(ApiKeyRow, key_id, with_for_update=True)
        if row is None or row.user_id != user_id:
            raise ApiKeyMissingError("You have no API key of this id.")
        if row.revoked_at is None:
            row.revoked_at = self._clock.now()
            await self._session.flush()
            portfolio = self._owners.public_of(row.portfolio_id)
            await self._record("api_key.revoked", user_id, key_id, portfolio)
        return self._to_schema(row)

    async def _record(self, action: str, user_id: UUID, key_id: str, portfolio: UUID) -> None:
        act = PrivilegedAct(user_id, action, f"api_key:{key_id}", {"portfolio_id": str(portfolio)})
        await self._acts.record(self._session, act)

    def _to_schema(self, row: ApiKeyRow) -> ApiKey:
        return ApiKey(
            id=row.id,
            portfolio_id=self._owners.public_of(row.portfolio_id),
            name=row.name,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
        )
