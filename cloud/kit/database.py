"""PostgreSQL: a session for each request, committed once, and bare asyncpg for hot paths."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from cloud.kit import columns
from cloud.kit.errors import AppError
from cloud.kit.outages import ASYNCPG_ERRORS
from cloud.kit.settings import Settings, SettingsError

__all__ = ["AsyncSession", "Database", "bare", "columns"]

READY_TIMEOUT_S = 2.0
POSTGRES_MIN = 18
"""The exchange's statements cast `bytea` to integers; see decision 0013."""
_FIRST = text("SELECT 1")
_BARE = "curb_bare"


class Database:
    """Both ways to the database. `open_database` makes it and closes it."""

    def __init__(self, engine: AsyncEngine, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.engine = engine
        self.pool = pool
        # Expiring would reload each attribute after the commit, which async code cannot do.
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        A refusal that says `keeps_work` is committed too, and raised on.
        """
        async with self._sessions() as session:
            kept: AppError | None = None
            async with session.begin():
                try:
                    yield session
                except AppError as refusal:
                    if not refusal.keeps_work:
                        raise
                    kept = refusal
            if kept is not None:
                raise kept

    async def is_ready(self) -> bool:
        """Whether the database answers within two seconds."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self.pool.fetchval("SELECT 1")
        except (OSError, TimeoutError, *ASYNCPG_ERRORS):
            return False
        return True


async def bare(session: AsyncSession) -> "asyncpg.Connection[asyncpg.Record]":
    """The connection under a session, within its transaction, for a hot path's own SQL.

    What the session has not written yet is written first. Rows that it holds already do not hear
    of what is changed this way.
    """
    if session.new or session.dirty or session.deleted:
        await session.flush()
    transaction = session.sync_session.get_transaction()
    known, driver = session.info.get(_BARE, (None, None))
    if driver is None or known is not transaction:
        connection = await session.connection()
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, asyncpg.Connection)
        if not driver.is_in_transaction():
            # SQLAlchemy begins the transaction with its own first statement.
            await connection.execute(_FIRST)
        session.info[_BARE] = (session.sync_session.get_transaction(), driver)
    found: asyncpg.Connection[asyncpg.Record] = driver
    return found


def _check_version(major: int) -> None:
    if major < POSTGRES_MIN:
        raise SettingsError(
            f"CURB_DATABASE_URL names a PostgreSQL {major}; Curb needs {POSTGRES_MIN} or newer."
        )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Connect; every connection is closed when the block ends.

    Raises:
        SettingsError: the server is older than POSTGRES_MIN.
    """
    server_settings = {
        "application_name": "curb",
        "timezone": "UTC",
        "statement_timeout": str(settings.statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(settings.statement_timeout_ms * 2),
    }

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(settings.database_url, server_settings=server_settings)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,  # asyncpg reads the address itself, sockets and options included
        pool_size=settings.database_connections_max,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1_800,
    )
    try:
        async with asyncpg.create_pool(
            settings.database_url,
            min_size=1,
            max_size=settings.database_connections_max,
            server_settings=server_settings,
        ) as pool:
            async with pool.acquire() as connection:
                _check_version(connection.get_server_version().major)
            yield Database(engine, pool)
    finally:
        await engine.dispose()
