"""The committed picture in memory against the engine, after random batches."""

import pytest

from cloud.exchange.portfolios.live import LivePortfolios, unrealised
from cloud.exchange.wishes import CommittedBatch, Wish
from tests.trading.random_commands import Stream
from trading import Engine


def _batch(engine, stream, size):
    commands = [stream.next() for _ in range(size)]
    found = engine.apply_batch(commands)
    for events in found:
        stream.observe(events)
    wishes = [Wish(lambda *_, made=command: made) for command in commands]
    return CommittedBatch(
        commands[0].sequence, commands[-1].sequence, commands[-1].at_ns, commands, found, wishes, {}
    )


def check_same(live, engine):
    """The picture shows what this engine has, to the last figure."""
    venue = engine.venue
    assert live.sequence == engine.sequence
    assert live.day == venue.day
    assert live.portfolios.keys() == venue.portfolios.keys()
    for number, market in venue.markets.items():
        assert live.markets[number].mark_ticks == market.last_ticks
        assert live.markets[number].instrument == market.instrument
    for number, theirs in venue.portfolios.items():
        mine = live.portfolios[number]
        assert mine.cash == theirs.cash
        assert mine.settled_cash == theirs.cash - theirs.pending_cash
        assert (mine.held_cash, mine.fees) == (theirs.held_cash, theirs.fees)
        assert mine.realised == theirs.realised
        assert live.equity(mine) == theirs.equity()
        assert mine.flows - mine.day_flows == theirs.moved_today
        assert mine.day_equity == theirs.day_start_equity
        for instrument, position in theirs.positions.items():
            one = mine.positions.get(instrument)
            if one is None:
                assert (position.units, position.held, position.realised) == (0, 0, 0)
                continue
            assert (one.units, one.held_units) == (position.units, position.held)
            assert one.settled_units == position.units - position.pending_units
            assert (one.cost, one.realised) == (position.cost, position.realised)
            assert one.realised_fifo == position.realised_fifo


@pytest.mark.parametrize("seed", range(5))
def test_following_batches_is_as_good_as_starting_anew(seed):
    stream, engine = Stream(seed), Engine()
    followed = LivePortfolios()
    followed.start(engine)
    for number in range(120):
        followed.apply(_batch(engine, stream, 1 + number % 17))
        if number % 10 == 0:
            check_same(followed, engine)
            anew = LivePortfolios()
            anew.start(engine)
            check_same(anew, engine)


def test_listeners_hear_who_changed_and_which_marks_moved():
    stream, engine = Stream(2), Engine()
    live, heard = LivePortfolios(), []
    live.start(engine)
    live.follow("heard", lambda batch, touched, marked: heard.append((touched, marked)))
    before = {}
    for _ in range(60):
        live.apply(_batch(engine, stream, 10))
        now = {
            number: (one.cash, one.held_cash, one.fees, tuple(one.positions.items()))
            for number, one in live.portfolios.items()
        }
        changed = {number for number, value in now.items() if before.get(number) != value}
        assert changed <= heard[-1][0]
        before = now
    assert any(marked for _, marked in heard)
    everyone = set(live.portfolios)
    holders = live.holders_of({1}, everyone)
    assert holders == {
        n for n, p in live.portfolios.items() if 1 in p.positions and p.positions[1].units
    }


@pytest.mark.parametrize(
    ("units", "cost", "value", "expected"),
    [(10, 1_000, 1_200, 200), (10, 1_000, 900, -100), (-10, 1_000, -800, 200), (-9, 90, -99, -9)],
)  # fmt: skip
def test_unrealised_profit_of_long_and_short_positions(units, cost, value, expected):
    assert unrealised(units, cost, value) == expected


def test_a_listener_that_breaks_begins_anew_and_stops_nobody_else():
    stream, engine = Stream(3), Engine()
    live, heard, begun = LivePortfolios(), [], []

    def broken(batch, _touched, _marked):
        if batch.first_sequence == 1:
            raise ZeroDivisionError
        heard.append(batch.first_sequence)

    live.follow("broken", broken, begin=lambda: begun.append(live.sequence))
    live.follow("other", lambda *_: heard.append("other"))
    # It breaks a second after it began at earliest, so it need not rest.
    live._listeners[0]._now_s = iter(range(0, 100, 2)).__next__
    live.start(engine)
    live.apply(_batch(engine, stream, 30))
    live.apply(_batch(engine, stream, 30))
    assert heard == ["other", 31, "other"]
    assert begun == [0, 30]
    check_same(live, engine)
