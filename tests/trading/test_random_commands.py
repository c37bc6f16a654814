"""Whatever is sent, in whatever order: nothing breaks, nothing is lost, all of it replays."""

import pytest

from tests.trading.random_commands import Stream
from tests.trading.venue_rig import check_venue
from trading import commands, events
from trading.engine import Engine
from trading.orders import TRANSITIONS, OrderState


def run(seed, count, check_every):
    """Apply commands to one engine; another comes from a snapshot half-way and follows."""
    stream, engine, follower = Stream(seed), Engine(), None
    seen = {}
    for number in range(count):
        command = stream.next()
        found = engine.apply(command)
        stream.observe(found)
        for event in found:
            kind = type(event).__name__
            seen[kind] = seen.get(kind, 0) + 1
        if follower is not None:
            # Through the journal's encoding, as after a restart.
            assert follower.apply(commands.decode(commands.encode(command))) == found
        if number % check_every == 0:
            check_venue(engine.venue)
        if number == count // 2:
            follower = Engine.restore(engine.snapshot())
            assert follower.state_hash() == engine.state_hash()
    assert follower is not None
    assert follower.state_hash() == engine.state_hash()
    check_venue(engine.venue)
    return engine, seen


@pytest.mark.parametrize("seed", range(12))
def test_invariants_hold_and_a_snapshot_with_its_tail_equals_the_whole_journal(seed):
    run(seed, 1500, check_every=5)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_random_commands_keep_every_invariant():
    for seed in range(1000, 1050):
        run(seed, 20_000, check_every=200)


def test_the_stream_reaches_every_kind_of_event():
    total = {}
    for seed in range(6):
        for kind, count in run(seed, 2500, check_every=100)[1].items():
            total[kind] = total.get(kind, 0) + count
    missing = {kind.__name__ for kind in events.KINDS.values()} - set(total)
    assert not missing


def test_the_same_commands_give_the_same_events_and_hash():
    journals = []
    for _ in range(2):
        stream, engine = Stream(77), Engine()
        rows = [events.encode(event) for _ in range(1500) for event in engine.apply(stream.next())]
        journals.append((rows, engine.state_hash()))
    assert journals[0] == journals[1]


def test_a_batch_ends_in_the_same_state_and_reports_balances_once():
    stream, single, batched = Stream(31), Engine(), Engine()
    last = (events.BalanceChanged, events.PositionChanged)
    batch, expected, final = [], [], {}
    for number in range(1, 2001):
        batch.append(stream.next())
        found = single.apply(batch[-1])
        stream.observe(found)
        expected.append([event for event in found if not isinstance(event, last)])
        for event in found:
            if isinstance(event, last):
                final[type(event), event.as_tuple()[1:3][: 1 + (type(event) is last[1])]] = event
        if number % 50 == 0:
            given = batched.apply_batch(batch)
            told = [event for event in given[-1] if isinstance(event, last)]
            given[-1] = given[-1][: len(given[-1]) - len(told)]
            assert given == expected
            assert {event.as_tuple()[1:] for event in told} == {
                event.as_tuple()[1:] for event in final.values()
            }
            batch, expected, final = [], [], {}
    assert batched.state_hash() == single.state_hash()
    assert batched.apply_batch([]) == []


def test_every_step_of_every_order_is_in_the_transition_table(monkeypatch):
    """The states are read from the events, not from the engine's own check of the table."""
    stream, engine = Stream(5), Engine()
    states = {}
    steps = set()

    def step(order_id, state):
        steps.add((states.get(order_id, 0), state))
        states[order_id] = state

    for _ in range(6000):
        found = engine.apply(stream.next())
        stream.observe(found)
        for event in found:
            if isinstance(event, (events.OrderAccepted, events.OrderActivated)):
                step(event.order_id, event.state)
            elif isinstance(event, events.OrderTriggered):
                step(event.order_id, OrderState.OPEN)
            elif isinstance(event, events.OrderFilled):
                for order_id, left in (
                    (event.maker_order_id, event.maker_remaining_units),
                    (event.taker_order_id, event.taker_remaining_units),
                ):
                    done = OrderState.FILLED if left == 0 else OrderState.PARTIALLY_FILLED
                    # A closing order starts to work without a word but `OrderRested`.
                    if states[order_id] == OrderState.UNTRIGGERED:
                        step(order_id, OrderState.OPEN)
                    step(order_id, done)
            elif isinstance(event, events.OrderCancelled):
                step(event.order_id, OrderState.CANCELLED)
            elif isinstance(event, events.OrderExpired):
                step(event.order_id, OrderState.EXPIRED)
            elif isinstance(event, events.ActivationRefused):
                step(event.order_id, OrderState.REJECTED)
    allowed = {(a, b) for a, successors in TRANSITIONS.items() for b in successors}
    assert steps <= allowed
    assert len(steps) >= 15
