"""Who loses a right while a token is being made gets none that says it."""

import asyncio
from collections.abc import Awaitable

import pytest

from cloud.accounts.auth.errors import RefreshRefusedError, WrongCredentialsError
from cloud.accounts.auth.schemas import Tokens
from cloud.accounts.auth.service import Client
from cloud.accounts.user import Role
from cloud.accounts.wire import Accounts
from cloud.kit.feature import Kit
from tests.cloud.conftest import PASSWORD

EMAIL = "ada@example.org"
HERE = Client("tests", "127.0.0.1")


async def log_in(kit: Kit, accounts: Accounts) -> Tokens:
    async with kit.database.session() as session:
        return await accounts.auth(session).log_in(EMAIL, PASSWORD, HERE)


async def refresh(kit: Kit, accounts: Accounts, tokens: Tokens) -> Tokens:
    async with kit.database.session() as session:
        return await accounts.auth(session).refresh(tokens.refresh_token)


async def started(kit: Kit, work: Awaitable[Tokens]) -> asyncio.Future[Tokens]:
    """The work under way, once it has ended or waits for a lock of somebody else."""
    task = asyncio.ensure_future(work)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not task.done() and not await kit.database.pool.fetchval(waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return task


async def make_user(kit: Kit, accounts: Accounts):
    """Ada, beside the admin that there must be."""
    async with kit.database.session() as session:
        users = accounts.users(session)
        await users.create("root@example.org", PASSWORD, [Role.ADMIN], name="Root")
        roles = [Role.DRIVER, Role.OPERATOR]
        return (await users.create(EMAIL, PASSWORD, roles, name="Ada")).id


async def test_a_refresh_while_a_role_is_taken_brings_a_token_without_it(kit: Kit):
    accounts = Accounts(kit)
    user_id = await make_user(kit, accounts)
    tokens = await log_in(kit, accounts)
    async with kit.database.session() as session:
        await accounts.users(session).take(None, user_id, Role.OPERATOR, "left the company")
        refreshing = await started(kit, refresh(kit, accounts, tokens))
    fresh = await accounts.access_tokens.authenticate((await refreshing).access_token)
    assert fresh.roles == {Role.DRIVER}


async def test_who_is_locked_while_they_log_in_stays_out(kit: Kit):
    accounts = Accounts(kit)
    user_id = await make_user(kit, accounts)
    tokens = await log_in(kit, accounts)
    async with kit.database.session() as session:
        await accounts.users(session).set_locked(None, user_id, "stolen", is_locked=True)
        entering = await started(kit, log_in(kit, accounts))
    with pytest.raises(WrongCredentialsError):
        await entering
    with pytest.raises(RefreshRefusedError):
        await refresh(kit, accounts, tokens)
