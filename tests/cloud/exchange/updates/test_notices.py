"""Rooms of users hear of orders that ended: together, bounded, nothing they did themselves."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from cloud.accounts.user import Role
from cloud.exchange.public_ids import order_uuid, portfolio_uuid
from cloud.exchange.updates import notices as notices_module
from cloud.exchange.updates.notices import EVENT, OrderNotices
from cloud.kit.redis import RedisError
from cloud.realtime.history import RoomHistory
from tests.cloud.exchange.updates.test_stream import _updates
from tests.support.trading_clients import ACME, Trader, Venue
from tests.support.venue_app import venue_app
from trading.commands import CancelOrder, ListInstrument, MassCancel, SetPhase
from trading.instruments import CONTINUOUS
from trading.orders import BUY, SELL


class Room:
    """Keeps what is told; `is_away` lets it fail."""

    def __init__(self):
        self.told = []
        self.is_away = False

    async def publish(self, room, event, data):
        if self.is_away:
            raise RedisError("away")
        self.told.append((room, event, data))
        return len(self.told)


@pytest.fixture
def room():
    return Room()


@pytest.fixture
def notices(venue: Venue, room: Room) -> OrderNotices:
    return OrderNotices(_updates(venue)._live, venue.app.kit.database.pool, room)


async def _user_of(venue: Venue, trader: Trader) -> str:
    user_id: UUID = await venue.app.kit.database.pool.fetchval(
        "SELECT a.user_id FROM trading_accounts a JOIN portfolios p ON p.account_id = a.id "
        "WHERE p.id = $1",
        trader.portfolio_id,
    )
    return f"user:{user_id}"


async def test_what_ended_is_told_together(venue: Venue, ada, maker, notices, room):
    await venue.app.limit(maker.portfolio_id, SELL, 10, 1_000_000)
    bought = await venue.app.limit(ada.portfolio_id, BUY, 4, 1_000_000)
    resting = await venue.app.limit(ada.portfolio_id, BUY, 1, 900_000)
    await venue.app.submit(CancelOrder(0, 0, resting.order_ids[0], ada.portfolio_id))
    killed = await venue.app.limit(ada.portfolio_id, BUY, 1, 900_000)
    await venue.app.submit(MassCancel(0, 0, 0, ada.portfolio_id))
    await notices.tell()
    by_room = {name: data for name, event, data in room.told if event == EVENT}
    mine = by_room[await _user_of(venue, ada)]
    assert mine.portfolio_id == portfolio_uuid(ada.portfolio_id)
    assert (mine.trades, mine.ended_count) == (1, 2)
    assert [(one.order_id, one.symbol, one.event, one.reason) for one in mine.ended] == [
        (order_uuid(bought.order_ids[0]), "ACME", "fill", None),
        (order_uuid(killed.order_ids[0]), "ACME", "canceled", "mass_cancel"),
    ]
    theirs = by_room[await _user_of(venue, maker)]
    assert (theirs.trades, theirs.ended_count) == (1, 0)
    await notices.tell()
    assert len(room.told) == 2


async def test_a_storm_is_cut_and_redis_away_loses_notices_only(
    venue: Venue, ada, maker, notices, room, monkeypatch
):
    monkeypatch.setattr(notices_module, "ORDERS_MAX", 3)
    await venue.app.limit(maker.portfolio_id, SELL, 100, 1_000_000)
    for _ in range(7):
        await venue.app.limit(ada.portfolio_id, BUY, 1, 1_000_000)
    await notices.tell()
    mine = {name: data for name, _, data in room.told}[await _user_of(venue, ada)]
    assert (mine.trades, mine.ended_count, len(mine.ended)) == (7, 7, 3)
    room.is_away = True
    await venue.app.limit(ada.portfolio_id, BUY, 1, 1_000_000)
    with pytest.raises(RedisError):
        await notices.tell()
    room.is_away = False
    await notices.tell()  # what was lost is not told again
    assert len(room.told) == 2


async def test_a_mistake_costs_notices_and_nothing_else(venue: Venue, ada, notices, room):
    turns = iter([None, None, asyncio.CancelledError()])

    async def turn(_):
        notices._listener._began_s = float("-inf")
        resting = await venue.app.limit(ada.portfolio_id, BUY, 1, 900_000)
        await venue.app.submit(MassCancel(0, 0, 0, ada.portfolio_id))
        if (last := next(turns)) is not None:
            raise last
        assert resting.order_ids

    publish, failed = room.publish, []

    async def publish_once_broken(*told):
        if not failed:
            failed.append(told)
            raise KeyError(told)
        return await publish(*told)

    notices._sleep, room.publish = turn, publish_once_broken
    with pytest.raises(asyncio.CancelledError):
        await notices.run()
    assert len(failed) == 1
    assert [data.ended_count for _, _, data in room.told] == [1]


async def test_a_user_hears_of_it_in_their_own_room_of_ws(kit):
    async with venue_app(kit, ("exchange-leader", "order-notices")) as app:
        await app.submit(ListInstrument(0, 0, ACME))
        await app.submit(SetPhase(0, 0, 0, CONTINUOUS))
        await app.sign_in("ada@example.org", Role.TRADER)
        portfolio_id, account_id = await app.open_portfolio("ada@example.org")
        await app.limit(portfolio_id, BUY, 1, 900_000)
        await app.submit(MassCancel(0, 0, account_id))
        user_id = await kit.database.pool.fetchval("SELECT user_id FROM trading_accounts")
        history, frames = RoomHistory(kit.redis), []
        async with asyncio.timeout(30):
            while not frames:
                place = await history.read(f"user:{user_id}")
                reading = await history.read(f"user:{user_id}", epoch=place.epoch, after=0)
                frames = [msgspec.json.decode(frame) for frame in reading.frames or ()]
        assert frames[0]["event"] == EVENT
        assert frames[0]["room"] == "user:me"
        assert frames[0]["data"]["ended"][0]["reason"] == "mass_cancel"
