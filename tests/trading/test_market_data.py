"""The public book, derived from events alone, is the engine's book as others may see it."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.random_commands import Stream
from tests.trading.venue_rig import BUY, SELL, Rig
from trading.commands import SetPhase
from trading.engine import Engine
from trading.instruments import CONTINUOUS, OPENING_CALL
from trading.market_data import ADDED, CHANGED, REMOVED, MarketData

COMMANDS = 150


def public_levels(side):
    return [(one.price_ticks, one.units, len(one.orders)) for one in side.best_first()]


def assert_same_books(data, engine):
    for number, market in engine.venue.markets.items():
        book = data.of(number).book
        bids, asks = engine.depth(number)
        assert public_levels(book.bids) == [one.as_tuple() for one in bids]
        assert public_levels(book.asks) == [one.as_tuple() for one in asks]
        for half, side in ((market.bids, book.bids), (market.asks, book.asks)):
            queue = [(one.order_id, one.price, one.visible) for one in half.orders()]
            shown = [
                (one.order_id, one.price_ticks, one.units)
                for level in side.best_first()
                for one in level.orders.values()
            ]
            assert shown == queue


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_book_from_events_is_the_engines_after_every_command(seed):
    stream, engine, data = Stream(seed), Engine(), MarketData()
    for _ in range(COMMANDS):
        command = stream.next()
        found = engine.apply(command)
        stream.observe(found)
        data.apply(found, command.at_ns)
        assert_same_books(data, engine)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_taken_now_and_then_adds_up_to_the_book(seed):
    stream, engine, data = Stream(seed), Engine(), MarketData()
    draw = random.Random(seed)
    levels = {}
    tops = {}
    for _ in range(COMMANDS):
        command = stream.next()
        found = engine.apply(command)
        stream.observe(found)
        data.apply(found, command.at_ns)
        if draw.random() < 0.6:
            continue
        for update in data.take():
            for one in update.levels:
                levels[(update.instrument_id, one.side, one.price_ticks)] = (one.units, one.count)
            if update.top is not None:
                tops[update.instrument_id] = update.top.as_tuple()
    for update in data.take():
        for one in update.levels:
            levels[(update.instrument_id, one.side, one.price_ticks)] = (one.units, one.count)
        if update.top is not None:
            tops[update.instrument_id] = update.top.as_tuple()
    expected = {
        (number, side, one.price_ticks): (one.visible_units, one.order_count)
        for number in engine.venue.markets
        for side, depth in zip((BUY, SELL), engine.depth(number), strict=True)
        for one in depth
    }
    assert {key: shown for key, shown in levels.items() if shown != (0, 0)} == expected
    for number in engine.venue.markets:
        assert tops.get(number, (0,) * 6) == data.of(number).top().as_tuple()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_starting_from_a_running_engine_gives_the_same_book(seed):
    stream, engine = Stream(seed), Engine()
    for _ in range(COMMANDS):
        stream.observe(engine.apply(stream.next()))
    data = MarketData.of_markets(engine.venue.markets.values())
    assert_same_books(data, engine)
    for _ in range(COMMANDS // 3):
        command = stream.next()
        found = engine.apply(command)
        stream.observe(found)
        data.apply(found, command.at_ns)
    assert_same_books(data, engine)


def feed(rig):
    """The market data of a rig, and the function that brings it up to date."""
    data = MarketData()
    seen = 0

    def update():
        nonlocal seen
        data.apply(rig.events[seen:], rig.at_ns)
        seen = len(rig.events)
        return {one.instrument_id: one for one in data.take()}.get(1)

    return data, update


def test_refilled_iceberg_leaves_and_comes_back_behind_the_others():
    rig = Rig()
    _, update = feed(rig)
    iceberg = rig.sell(1, 30, 100, display_units=10)
    other = rig.sell(2, 5, 100)
    update()
    rig.buy(3, 10, 100)
    changes = [one.as_tuple() for one in update().orders]
    assert changes == [(REMOVED, iceberg, SELL, 100, 0), (ADDED, iceberg, SELL, 100, 10)]
    rig.buy(3, 7, 100)
    changes = [one.as_tuple() for one in update().orders]
    assert changes == [(REMOVED, other, SELL, 100, 0), (CHANGED, iceberg, SELL, 100, 8)]


def test_hidden_units_never_show():
    rig = Rig()
    data, update = feed(rig)
    rig.buy(1, 1_000, 99, display_units=7)
    assert [(one.price_ticks, one.units) for one in update().levels] == [(99, 7)]
    assert data.of(1).top().bid_units == 7


def test_an_auction_is_told_with_its_price_and_its_trades():
    rig = Rig(phase=OPENING_CALL)
    _, update = feed(rig)
    rig.buy(1, 10, 101)
    rig.sell(2, 10, 99)
    update()
    rig.do(SetPhase, 1, CONTINUOUS)
    found = update()
    # 99 to 101 trade the same; the reference, 100, lies between them.
    assert [(one.price_ticks, one.units, one.is_auction) for one in found.trades] == [
        (100, 10, True)
    ]
    assert [one.kind for one in found.statuses] == [3, 1]
    assert found.statuses[0].price_ticks == found.trades[0].price_ticks
    assert found.statuses[1].phase == CONTINUOUS


def test_an_unchanged_best_is_not_told_again():
    rig = Rig()
    _, update = feed(rig)
    rig.buy(1, 10, 99)
    assert update().top.as_tuple() == (99, 10, 1, 0, 0, 0)
    rig.buy(1, 10, 98)
    assert update().top is None
