"""The equity curve goes on through outages of its store, and from one leader to the next."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.portfolios.recorder import EquityRecorder
from cloud.exchange.restarting import RESTARTED
from cloud.exchange.wishes import CommittedBatch
from cloud.kit.clock import ManualClock
from trading import Engine, commands

START = datetime(2026, 3, 2, 15, 0, 30, tzinfo=UTC)


class History:
    """Keeps samples in a dictionary; `is_away` lets everything fail."""

    def __init__(self):
        self.samples = {}
        self.is_away = False

    def _ask(self):
        if self.is_away:
            raise OSError("the database is away")

    async def store(self, samples):
        self._ask()
        self.samples |= {(number, at): rest for number, at, *rest in samples}

    async def last(self):
        self._ask()
        newest = {}
        for (number, _), (_, equity, _, flows) in sorted(self.samples.items()):
            newest[number] = (equity, flows)
        return newest

    async def flowed_since(self, until):
        self._ask()
        return []

    async def thin(self, now):
        self._ask()


@pytest.fixture
def engine():
    made = Engine()
    for sequence, (kind, *arguments) in enumerate(
        [
            (commands.OpenPortfolio, 1, 1),
            (commands.Deposit, 1, 500),
            (commands.OpenPortfolio, 2, 1),
        ],
        1,
    ):
        made.apply(kind(sequence, sequence, *arguments))
    return made


def _recorder(engine, history, clock):
    live = LivePortfolios()
    recorder = EquityRecorder(live, history, clock)
    live.start(engine)
    return live, recorder


async def test_samples_wait_while_the_database_is_away(engine):
    history, clock = History(), ManualClock(START)
    live, recorder = _recorder(engine, history, clock)
    await recorder.look()
    history.is_away = True
    for minute in (1, 2):
        clock.advance(timedelta(minutes=1))
        live.portfolios[1].cash += 10 * minute
        recorder.hear(_nothing(), {1}, set())
        with pytest.raises(OSError, match="away"):
            await recorder.look()
    assert not history.samples
    history.is_away = False
    await recorder.look()
    minutes = [at.minute for _, at in sorted(history.samples)]
    assert minutes == [1, 2]
    assert [rest[1] for rest in history.samples.values()] == [510, 530]
    # The portfolio that has never held anything has no samples.
    assert {number for number, _ in history.samples} == {1}


async def test_a_new_leader_goes_on_with_the_flows_of_the_last(engine):
    history, clock = History(), ManualClock(START)
    history.samples[1, START - timedelta(hours=1)] = [2, 450, 450, 400]
    live, recorder = _recorder(engine, history, clock)
    assert live.portfolios[1].flows == 0
    await recorder.look()
    assert live.portfolios[1].flows == 400
    profit = live.day_profit(live.portfolios[1])
    assert profit == 0  # both moved together: today's profit is as it was
    clock.advance(timedelta(minutes=1))
    await recorder.look()
    assert history.samples[1, START.replace(second=0, minute=1)][3] == 400


async def test_it_looks_on_until_it_is_stopped(engine):
    history, clock, looks = History(), ManualClock(START), 0

    async def sleep(_):
        nonlocal looks
        looks += 1
        history.is_away = looks == 2
        clock.advance(timedelta(minutes=1))
        if looks == 4:
            raise asyncio.CancelledError

    live, recorder = _recorder(engine, history, clock)
    recorder._sleep = sleep
    with pytest.raises(asyncio.CancelledError):
        await recorder.run()
    assert [at.minute for _, at in sorted(history.samples)] == [2]
    assert live.portfolios[1].cash == 500


async def test_a_mistake_leaves_the_curve_without_a_hole_and_the_flows_as_they_are(engine):
    history, clock = History(), ManualClock(START)
    history.samples[1, START - timedelta(hours=1)] = [2, 450, 450, 400]
    live, recorder = _recorder(engine, history, clock)
    recorder._listener._now_s = iter(range(0, 100, 2)).__next__
    await recorder.look()
    before = RESTARTED.labels("equity-curve")._value.get()
    live.portfolios[1].cash += 30
    # Nothing in it can be read: whom the batch touched is lost.
    live._listeners[0](None, {1}, set())
    assert RESTARTED.labels("equity-curve")._value.get() == before + 1
    clock.advance(timedelta(minutes=1))
    await recorder.look()
    assert live.portfolios[1].flows == 400
    (sample,) = [rest for (_, at), rest in history.samples.items() if at > START]
    assert sample[1] == 530


async def test_samples_that_wait_outlive_a_picture_that_begins_anew(engine):
    history, clock = History(), ManualClock(START)
    live, recorder = _recorder(engine, history, clock)
    await recorder.look()
    history.is_away = True
    clock.advance(timedelta(minutes=1))
    with pytest.raises(OSError, match="away"):
        await recorder.look()
    engine.apply(commands.Deposit(4, 4, 1, 70))
    live.start(engine)
    history.is_away = False
    await recorder.look()
    clock.advance(timedelta(minutes=1))
    await recorder.look()
    assert [rest[1] for rest in history.samples.values()] == [500, 570]


async def test_a_mistake_at_a_look_is_not_the_end_of_looking(engine):
    history, clock, looks = History(), ManualClock(START), 0

    async def sleep(_):
        nonlocal looks
        looks += 1
        clock.advance(timedelta(minutes=1))
        if looks == 4:
            raise asyncio.CancelledError

    async def broken_once(samples):
        history.store = stored
        raise KeyError(samples)

    _, recorder = _recorder(engine, history, clock)
    recorder._sleep = sleep
    recorder._listener._later = lambda _, begin: begin()
    stored, history.store = history.store, broken_once
    with pytest.raises(asyncio.CancelledError):
        await recorder.run()
    assert history.samples


def _nothing():
    return CommittedBatch(0, 0, 0, [], [], [], {})
