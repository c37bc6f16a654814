"""Alembic calls this file for every command; it is a script, not a module to import."""

import asyncio
from typing import Final

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cloud.tables import METADATA

# Two processes that start at once must not both migrate; any constant would do.
MIGRATION_LOCK: Final = 0x43757262


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=METADATA, transaction_per_migration=True
    )
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


async def _run_online() -> None:
    database_url: str = context.config.attributes["database_url"]
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(database_url),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


asyncio.run(_run_online())
