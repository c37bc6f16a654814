"""Orders followed from event to event end where the tables do, whenever the following began."""

import random
from collections import Counter

import msgspec
import pytest

from cloud.exchange.orders.answers import order_answer
from cloud.exchange.orders.views import SELECT, view_of
from cloud.exchange.orders.words import LIVE_STATES, STATUS_WORDS
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.public_ids import order_uuid
from cloud.exchange.updates.connection import Connection
from cloud.exchange.updates.messages import Stream, encode
from cloud.exchange.updates.service import TradeUpdates
from tests.cloud.exchange.test_tables_follow_the_journal import drive
from tests.support.exchange import leading_sequencer
from tests.trading import random_commands
from tests.trading.random_commands import MARKETS, PORTFOLIOS
from trading.instruments import Instrument

# The venue lists nothing whose prices are no finite decimals, as the second one's are.
SHOWABLE = [
    MARKETS[0],
    Instrument(*(2 if n == 6 else value for n, value in enumerate(MARKETS[1].as_tuple()))),
    MARKETS[2],
]
ENDS = {"fill": "filled", "canceled": "canceled", "expired": "expired", "rejected": "rejected"}


class Reader(Connection):
    """A connection that keeps what it is told, and never falls behind."""

    def __init__(self, desk, portfolio_id):
        super().__init__(desk, 0.0)
        self.portfolio_id = portfolio_id
        self.told = []

    def offer(self, data):
        self.told.append(msgspec.json.decode(data))


def _updates(sequencer, kit):
    live = LivePortfolios()
    made = TradeUpdates(sequencer, live, kit.database.pool, epochs=lambda: "e", now_s=lambda: 0.0)
    live.join(sequencer)
    return made


async def _compare(updates, kit, portfolio_id):
    """The orders that are followed against those in the tables."""
    rows = await kit.database.pool.fetch(
        f"{SELECT} WHERE portfolio_id = $1 AND state = ANY($2) AND ended_at IS NULL",
        portfolio_id,
        list(LIVE_STATES),
    )
    stored = {row["id"]: view_of(row) for row in rows}
    followed = {order.id: order for order in updates._fold.orders_of(portfolio_id)}
    assert followed == stored


@pytest.mark.parametrize("seed", range(3))
async def test_followed_orders_are_those_of_the_tables(kit, clock, seed, monkeypatch):
    monkeypatch.setattr(random_commands, "MARKETS", SHOWABLE)
    draw = random.Random(seed)
    words = Counter()
    async with leading_sequencer(kit) as sequencer:
        updates = _updates(sequencer, kit)
        readers = {}
        for part in range(6):
            await drive(sequencer, clock, seed * 10 + part, 250, is_settled=part == 0)
            for portfolio_id in range(1, PORTFOLIOS + 1):
                if portfolio_id not in readers and draw.random() < 0.5:
                    reader = readers[portfolio_id] = Reader(updates, portfolio_id)
                    await updates.follow(portfolio_id)
                    updates.join(
                        reader, portfolio_id, Stream.TRADE_UPDATES, None, wants_snapshot=False
                    )
            for portfolio_id in readers:
                await _compare(updates, kit, portfolio_id)
        assert readers
        for reader in readers.values():
            assert [frame["seq"] for frame in reader.told] == list(range(1, len(reader.told) + 1))
            for frame in reader.told:
                data = frame["data"]
                words[data["event"]] += 1
                if data["event"] in ENDS:
                    assert data["order"]["status"] == ENDS[data["event"]]
                assert data["order"]["status"] in STATUS_WORDS.values()
        # What was told last of an order is what its row says now.
        last = {f["data"]["order"]["id"]: f["data"] for r in readers.values() for f in r.told}
        rows = await kit.database.pool.fetch(SELECT)
        markets = sequencer.engine.venue.markets
        for row in rows:
            view = view_of(row)
            told = last.get(str(order_uuid(view.id)))
            if told is None or view.state in LIVE_STATES:
                continue
            instrument = markets[view.instrument_id].instrument
            answer = msgspec.json.decode(encode(order_answer(view, instrument)))
            assert told["order"] == answer
    assert {"new", "fill", "partial_fill", "canceled", "replaced", "expired"} <= set(words)
