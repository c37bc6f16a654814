"""What holds for any stream: findings depend on it alone, and nothing is kept of what has ended."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.exchange.surveillance.findings import EVIDENCE_MAX
from cloud.exchange.surveillance.observer import Observer
from tests.support.watched_market import ACCOUNTS, BUY, MS, SELL, WatchedMarket, replayed
from tests.trading.random_commands import Stream
from trading import Engine, commands
from trading.instruments import Phase
from trading.orders import SelfTrade


def busy_market(seed: int, steps: int = 250) -> WatchedMarket:
    """Accounts that place, cancel, replace and trade at random, self-trades included."""
    draw = random.Random(seed)
    market = WatchedMarket()
    placed: list[tuple[int, int]] = []
    for _ in range(steps):
        market.wait(draw.choice((1, 50, 900, 20_000)) * MS)
        act = draw.random()
        if act < 0.6 or not placed:
            account = draw.randint(1, 4)
            side = draw.choice((BUY, SELL))
            price = 100_000 + 100 * draw.randint(-8, 8)
            mode = draw.choice((SelfTrade.ALLOW, SelfTrade.DECREMENT, SelfTrade.CANCEL_OLDEST))
            units = draw.choice((10, 100, 1_000))
            placed.append((account, market.limit(account, side, units, price, self_trade=mode)))
        elif act < 0.8:
            account, order_id = draw.choice(placed)
            market.apply(commands.CancelOrder, order_id, account)
        elif act < 0.95:
            account, order_id = draw.choice(placed)
            price = 100_000 + 100 * draw.randint(-9, 9)
            market.apply(commands.ReplaceOrder, order_id, account, draw.choice((0, 5, 50)), price)
        elif market.engine.venue.markets[1].phase == Phase.CONTINUOUS:
            market.apply(commands.SetPhase, 1, Phase.CLOSING_CALL)
        else:
            market.apply(commands.SetPhase, 1, Phase.CLOSED)
            market.apply(commands.SetPhase, 1, Phase.CONTINUOUS)
    return market


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9))
def test_the_same_stream_gives_the_same_findings(seed: int) -> None:
    market = busy_market(seed)
    assert replayed(market.stream, Observer()) == market.found
    for finding in market.found:
        assert finding.first_at_ns <= finding.at_ns
        assert len(finding.trade_ids) <= EVIDENCE_MAX
        assert len(finding.order_ids) <= EVIDENCE_MAX
        assert 1 <= finding.account_id <= ACCOUNTS
    assert len({finding.key for finding in market.found}) == len(market.found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.integers(60, 200))
def test_an_observer_seeded_in_the_middle_finds_what_began_after(seed: int, cut: int) -> None:
    market = busy_market(seed)
    first = market.stream[0][0].sequence
    engine = Engine()
    for command, _ in market.stream[:cut]:
        engine.apply(command)
    late = Observer()
    late.seed(engine)
    found = replayed(market.stream[cut:], late)
    seeded_at = market.stream[cut - 1][0].at_ns
    quiet_ns = 400 * 1_000 * MS  # longer than any window
    later = [f for f in market.found if f.first_at_ns > seeded_at + quiet_ns]
    assert {f.key for f in later} <= {f.key for f in found}
    assert first == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9))
def test_nothing_is_kept_of_orders_that_have_ended(seed: int) -> None:
    market = busy_market(seed)
    live = market.engine.venue.orders
    kept = market.observer
    assert set(kept.live_orders()) == set(live)
    resting = {order_id for order_id, order in live.items() if order.level is not None}
    assert {order_id: abs(units) for order_id, units in kept.shown().items()} == {
        order_id: live[order_id].visible for order_id in resting
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**9))
def test_commands_of_every_kind_leave_it_with_the_engines_own_orders(seed: int) -> None:
    stream, engine, observer = Stream(seed), Engine(), Observer()
    for _ in range(400):
        command = stream.next()
        observer.take(command, engine.apply(command))
        live = engine.venue.orders
        assert set(observer.live_orders()) == set(live)
        shown = {number: one.visible for number, one in live.items() if one.level is not None}
        assert {number: abs(units) for number, units in observer.shown().items()} == shown
