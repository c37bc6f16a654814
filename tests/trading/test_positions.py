"""A position by itself: whatever is split, nothing is lost between units, lots, cost and profit."""

from hypothesis import given
from hypothesis import strategies as st

from trading.instruments import Instrument
from trading.live import Market
from trading.portfolio import Position

LOTS = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**9)), max_size=6)
RATIO = st.integers(1, 10_000)


def position_of(lots, *, is_long):
    position = Position(Market(Instrument(1, "ACME", 100)))
    for units, cost in lots:
        position.open_units(units if is_long else -units, cost)
    return position


@given(LOTS, st.booleans(), RATIO, RATIO, st.integers(0, 10**6))
def test_a_split_loses_neither_units_nor_cost(lots, is_long, numerator, denominator, size):
    position = position_of(lots, is_long=is_long)
    units, cost = sum(units for units, _ in lots), position.cost
    sign = 1 if is_long else -1
    paid = sign * size if units else 0
    gain = position.split_units(numerator, denominator, paid)
    assert position.units == sign * (units * numerator // denominator)
    left = cost - position.cost
    assert 0 <= left <= cost
    assert gain == position.realised == position.realised_fifo == paid - sign * left
    assert sum(units for units, _ in position.lots()) == position.units
    assert sum(cost for _, cost in position.lots()) == position.cost
    if units * numerator % denominator == 0:
        assert left == 0


def test_a_split_keeps_the_lots_in_order_and_their_cost():
    position = position_of([(10, 100), (5, 60)], is_long=True)
    position.pending_units = 5
    # Fifteen old units are seven new ones; the half that is left takes its share of the cost along.
    assert position.split_units(1, 2, 4) == 4 - 160 // 15
    assert position.lots() == [(4, 100), (3, 60 - 160 // 15)]
    assert position.pending_units == 2
