"""The bare connections that the hot paths of this feature write through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias, cast

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"


@asynccontextmanager
async def transaction(
    pool: Pool, isolation: Literal["read_committed", "repeatable_read"] = "read_committed"
) -> AsyncIterator[Connection]:
    """A connection in a transaction: committed when the block ends, rolled back when it raises."""
    async with pool.acquire() as connection, connection.transaction(isolation=isolation):
        # The pool's proxy has every method of a connection; the stubs do not say so.
        yield cast(Connection, connection)
