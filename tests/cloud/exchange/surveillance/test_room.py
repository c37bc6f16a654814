"""Compliance's room: who is let in, and what they see on coming in."""

from uuid import UUID

from cloud.accounts.user import Role, User
from cloud.exchange.surveillance.room import ComplianceRoom
from cloud.kit.feature import Kit
from tests.support.venue_app import venue_app
from trading.commands import ListInstrument, SetPhase
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY


def somebody(*roles: Role) -> User:
    return User(UUID(int=1), UUID(int=2), frozenset(roles))


async def test_admins_and_auditors_are_let_in_and_see_what_is_open(kit: Kit) -> None:
    room = ComplianceRoom(kit.database)
    assert await room.may_join(somebody(Role.AUDITOR), "venue")
    assert await room.may_join(somebody(Role.ADMIN, Role.TRADER), "venue")
    assert not await room.may_join(somebody(Role.TRADER, Role.OPERATOR), "venue")
    assert not await room.may_join(somebody(Role.ADMIN), "another")
    async with venue_app(kit) as app:
        await app.submit(ListInstrument(0, 0, Instrument(1, "ACME", 1_000)))
        await app.submit(SetPhase(0, 0, 1, CONTINUOUS))
        await app.sign_in("ann@example.org", Role.TRADER)
        portfolio, _ = await app.open_portfolio("ann@example.org", cash=10)
        await app.limit(portfolio, BUY, 1, 1_000)
    seen = await room.snapshot("venue")
    assert [one.reason for one in seen.violations] == ["insufficient_funds"]
    assert seen.cases == []
