"""The fixtures every other test leans on: a clone per test, with every migration in it."""

import asyncpg


async def test_a_test_database_holds_the_migrations(database_url):
    link = await asyncpg.connect(database_url)
    assert await link.fetchval("SELECT count(*) FROM alembic_version") >= 1
    await link.execute("CREATE TABLE left_behind (n int)")
    await link.close()


async def test_the_next_test_does_not_see_the_tables_of_the_last_one(database_url):
    link = await asyncpg.connect(database_url)
    assert await link.fetchval("SELECT to_regclass('left_behind')") is None
    await link.close()
