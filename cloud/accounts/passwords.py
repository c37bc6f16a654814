"""Argon2id, at a cost that hurts an attacker and not the event loop."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE_MAX = 2


class Passwords:
    """Hashes and checks passwords in threads, few at a time: each takes a core and its memory.

    memory_kib: of one hash. Source: RFC 9106 section 4; OWASP Password Storage Cheat Sheet, 2025.
    """

    def __init__(self, memory_kib: int) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=memory_kib, parallelism=1)
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        # Checked when there is no such user, so that the answer takes as long as a wrong password.
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The text to store."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Whether it fits; with None (no such user) False, after the same time."""
        async with self._places:
            fits = await asyncio.to_thread(self._fits, password, stored or self._decoy)
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made at another cost than today's, so should be made anew."""
        return self._hasher.check_needs_rehash(stored)

    def _fits(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
