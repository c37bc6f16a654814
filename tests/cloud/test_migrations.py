"""The migrations and the tables in the code say the same, and the chain is one line."""

from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from cloud.migrations.run import alembic_config, migrate
from cloud.tables import METADATA


def test_the_chain_is_one_line_in_the_order_of_its_names() -> None:
    script = ScriptDirectory.from_config(alembic_config("postgresql://unused"))
    revisions = [step.revision for step in script.walk_revisions()][::-1]
    assert revisions == sorted(revisions)
    assert len(script.get_heads()) == 1


async def test_the_migrated_database_is_the_one_that_the_tables_describe(database_url: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database_url)
    )
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(_differences)
    finally:
        await engine.dispose()
    assert not differences, "\n".join(map(str, differences))


def _differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "include_object": _is_compared}
    context = MigrationContext.configure(connection, opts=options)
    return compare_metadata(context, METADATA)


def _is_compared(item: Any, name: str | None, kind: str, reflected: bool, twin: Any) -> bool:
    """What lives in the database only is left out where tables cannot say it, or nobody needs them.

    These are partial, expression and exclusion indexes, and tables that are used by SQL alone.
    """
    if not reflected or twin is not None:
        return True
    return kind != "table" and not (kind == "index" and _is_special(item))


def _is_special(index: Any) -> bool:
    options = index.dialect_options["postgresql"]
    return options.get("where") is not None or options.get("using") not in (None, "btree")


@pytest.mark.timeout(120)
def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    migrate(empty_database_url)
    migrate(empty_database_url)
