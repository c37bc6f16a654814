"""Commands and events survive the journal, and stored numbers stand for one thing each."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trading import codec, commands, events, instruments, orders
from trading.instruments import Instrument, notional_ceil, notional_floor
from trading.reasons import Reason
from trading.terms import Limits, NewOrder

ORDER = NewOrder(1, 2, 1, 2, 6, 10**40, -5, 3, 4, 5, 6, 7, 5, True, False, True)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
)


def samples() -> list[commands.Command]:
    made: list[commands.Command] = [
        commands.ListInstrument(1, 2, Instrument(3, "ABC", 100, ((0, 1), (500, 5)), 10)),
        commands.SetLimits(1, 2, 3, Limits(1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 11)),
        commands.PlaceOrder(1, 2, ORDER),
        commands.PlaceGroup(1, 2, 3, (ORDER, ORDER)),
        commands.AdvanceTime(1, 2),
        commands.MassCancel(1, 2),
        commands.SetKillSwitch(1, 2, 0, True),
    ]
    known = {type(command) for command in made}
    for kind in commands.KINDS.values():
        if kind not in known:
            count = kind.__init__.__code__.co_argcount - 1
            made.append(kind(*range(1, count + 1)))
    return made


@pytest.mark.parametrize("command", samples(), ids=lambda command: type(command).__name__)
def test_every_command_survives_the_journal(command):
    row = commands.encode(command)
    assert commands.decode(codec.from_bytes(codec.to_bytes(row))) == command
    assert commands.encode(commands.decode(list(row))) == row


@pytest.mark.parametrize("kind", events.KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_event_survives_the_journal(kind):
    fields = list(range(1, kind.__init__.__code__.co_argcount))
    if kind is events.OrderAccepted:
        fields[-1] = ORDER
    event = kind(*fields)
    row = events.encode(event)
    again = events.decode(codec.from_bytes(codec.to_bytes(row)))
    assert again == event
    assert hash(again) == hash(event)
    assert events.KINDS[kind.KIND] is kind
    assert again != kind(0, *fields[1:])


def test_every_class_has_a_number_of_its_own():
    for kinds in (commands.KINDS, events.KINDS):
        assert {kind.KIND: kind for kind in kinds.values()} == kinds


@given(PLAIN)
def test_the_codec_is_lossless(value):
    data = codec.to_bytes(value)
    again = codec.from_bytes(data)
    assert again == value
    assert codec.to_bytes(again) == data


def test_the_codec_keeps_truth_and_one_apart():
    assert codec.to_bytes(True) != codec.to_bytes(1)
    assert codec.to_bytes((1, (2,))) != codec.to_bytes(((1,), 2))


def test_the_plain_numbers_are_those_of_the_enums():
    for enum, module in (
        (orders.Side, orders),
        (orders.OrderType, orders),
        (orders.TimeInForce, orders),
        (orders.SelfTrade, orders),
        (orders.GroupKind, orders),
        (orders.OrderState, orders),
        (instruments.Phase, instruments),
    ):
        assert {member.name: member.value for member in enum} == {
            member.name: getattr(module, member.name) for member in enum
        }


def test_the_transition_table_names_every_state_and_never_leaves_a_terminal_one():
    states = set(orders.OrderState)
    assert set(orders.TRANSITIONS) == states
    terminal = {orders.FILLED, orders.CANCELLED, orders.EXPIRED, orders.REJECTED}
    for state in states:
        assert orders.is_terminal(state) == (state in terminal)
        for successor in states:
            expected = successor in orders.TRANSITIONS[state]
            assert orders.is_allowed(state, successor) == expected
            assert not (expected and successor == orders.NEW)


def test_reasons_have_stable_distinct_numbers():
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)


TICKS = Instrument(1, "T", 100, ((0, 1), (100, 5), (1000, 10)))


@given(st.integers(min_value=1, max_value=2000))
def test_rounding_to_ticks_gives_the_nearest_allowed_price(price):
    allowed = [p for p in range(2100) if TICKS.is_on_tick(p)]
    assert TICKS.round_down(price) == max(p for p in allowed if p <= price)
    assert TICKS.round_up(price) == min(p for p in allowed if p >= price)


@given(
    st.integers(1, 10**12),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 1000),
    st.integers(1, 1000),
)
def test_partial_fills_never_cost_more_than_was_reserved(price, first, rest, multiplier, divisor):
    one = Instrument(1, "T", 100, money_multiplier=multiplier, money_divisor=divisor)
    reserved = notional_ceil(one, price, first + rest)
    assert notional_floor(one, price, first) + notional_ceil(one, price, rest) <= reserved


@pytest.mark.parametrize(
    "wrong",
    [
        {"reference_ticks": 0},
        {"lot_units": 0},
        {"tick_table": ()},
        {"tick_table": ((1, 1),)},
        {"tick_table": ((0, 1), (0, 2))},
        {"tick_table": ((0, 0),)},
        {"money_divisor": 0},
        {"taker_fee_rate": -1},
        {"maker_fee_rate": -2, "taker_fee_rate": 1},
        {"settle_days": 2},
        {"protection_bps": 0},
        {"band_bps": 10_000},
    ],
)
def test_an_instrument_the_engine_cannot_work_with_is_known(wrong):
    assert not Instrument(
        **({"instrument_id": 1, "symbol": "A", "reference_ticks": 5} | wrong)
    ).is_valid()
    assert Instrument(1, "A", 5).is_valid()
