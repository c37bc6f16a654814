"""A write that is sent twice happens once: the `Idempotency-Key` header.

The answer is stored in the transaction of the work itself, so there is no moment in which one
exists without the other. A refused request stores nothing: it may be corrected and sent again
with the same key.

Requests and answers hold passwords, names and plates. So the answer is sealed like any personal
field, and the request is remembered by a keyed hash, which nobody can try passwords against.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import HeaderParameter
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, SQLModel, col

from cloud.kit.clock import Clock
from cloud.kit.columns import UtcDateTime
from cloud.kit.crypto import FieldCipher, Place
from cloud.kit.database import AsyncSession
from cloud.kit.errors import ConflictError
from cloud.kit.patterns import END

KEPT_FOR: Final = timedelta(hours=24)
KEY_CHARS_MAX: Final = 128

T = TypeVar("T")


class IdempotencyConflictError(ConflictError):
    """The key was used before, for another request."""

    code = "idempotency_key_reused"


class IdempotencyRow(SQLModel, table=True):
    """The answer that a key got. answer: JSON, sealed."""

    __tablename__: ClassVar[str] = "idempotency_keys"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: bytes
    answer: bytes | None = None
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Once:
    """The dependency `once`: wrap the work of a write route in it.

    return await once.answer(Booking, lambda: bookings.create(user.id, data))
    """

    def __init__(
        self,
        session: AsyncSession,
        cipher: FieldCipher,
        now: datetime,
        caller: str,
        key: str | None,
        fingerprint: bytes,
    ) -> None:
        self._session = session
        self._cipher = cipher
        self._now = now
        self._caller = caller
        self._key = key
        self._fingerprint = fingerprint

    async def answer(self, kind: type[T], work: Callable[[], Awaitable[T]]) -> T:
        """The work's answer, or the stored one if this key has had its answer before.

        Without a key it is just the work. A second request with the same key waits until the
        first has committed or failed.

        Raises:
            IdempotencyConflictError: the key came with another method, path or body before.
        """
        if self._key is None:
            return await work()
        if (stored := await self._claim(self._key)) is not None:
            text = self._cipher.open(self._place(self._key), stored)
            return msgspec.json.decode(text, type=kind)
        answer = await work()
        row = await self._session.get_one(IdempotencyRow, (self._caller, self._key))
        text = msgspec.json.encode(answer).decode()
        row.answer = self._cipher.seal(self._place(self._key), text)
        return answer

    def _place(self, key: str) -> Place:
        return Place("idempotency_keys", "answer", f"{self._caller} {key}")

    async def _claim(self, key: str) -> bytes | None:
        """The stored answer, or None when the key is ours; the unique index makes others wait."""
        claim = (
            insert(IdempotencyRow)
            .values(
                caller=self._caller, key=key, fingerprint=self._fingerprint, created_at=self._now
            )
            .on_conflict_do_nothing()
            .returning(col(IdempotencyRow.key))
        )
        if await self._session.scalar(claim) is not None:
            return None
        found = await self._session.get_one(IdempotencyRow, (self._caller, key))
        if found.fingerprint != self._fingerprint or found.answer is None:
            raise IdempotencyConflictError(
                "This Idempotency-Key was used for another request; make a new one for each write."
            )
        return found.answer


class OnceProvider:
    """Makes the dependency `once`; `app.py` holds the one object."""

    def __init__(self, clock: Clock, cipher: FieldCipher) -> None:
        self._clock = clock
        self._cipher = cipher

    async def __call__(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        idempotency_key: Annotated[
            str | None,
            HeaderParameter(
                name="Idempotency-Key",
                min_length=8,
                max_length=KEY_CHARS_MAX,
                pattern=r"^[\x21-\x7e]+" + END,
                description="Sent again with the same key, a write happens once (kept for a day).",
            ),
        ] = None,
    ) -> Once:
        """One for this request."""
        user = request.scope.get("user")
        caller = str(user.id) if user is not None else "anyone"
        head = f"{request.method} {request.url.path}\n".encode()
        digest = hashlib.sha256(head + await request.body()).hexdigest()
        fingerprint = self._cipher.blind_index("idempotency_keys", "fingerprint", digest)
        now = self._clock.now()
        return Once(session, self._cipher, now, caller, idempotency_key, fingerprint)


async def forget_old_keys(session: AsyncSession, now: datetime) -> None:
    """Remove keys older than a day."""
    await session.execute(
        delete(IdempotencyRow).where(col(IdempotencyRow.created_at) < now - KEPT_FOR)
    )
