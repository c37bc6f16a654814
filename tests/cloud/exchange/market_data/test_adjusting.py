"""Prices with splits and dividends taken out, by published examples and by what they are for."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.market_data.adjusting import (
    AS_TRADED,
    Adjusted,
    Adjustment,
    ExDividend,
    SplitOfUnits,
    dividend_factor,
)
from cloud.exchange.market_data.errors import MarketDataRequestError
from cloud.exchange.market_data.history import CorporateAction
from cloud.exchange.market_data.queries import adjustment_of

DAY_NS = 86_400_000_000_000
OPENS_NS = DAY_NS // 2
SPLIT, DIVIDEND = CorporateAction.SPLIT, CorporateAction.DIVIDEND


def days(count):
    """When each day's bar begins."""
    return [number * DAY_NS for number in range(count)]


def adjusted_closes(closes, splits, dividends):
    factors = [(one.ex_ns, dividend_factor(one, splits)) for one in dividends]
    adjustment = Adjustment(splits, factors)
    starts = days(len(closes))
    return [close * adjustment.of(at).price for close, at in zip(closes, starts, strict=True)]


def test_the_published_example_of_a_split_and_a_dividend():
    """Of Yahoo Finance Help, SLN28256: 16 to 22 February, split on the 18th, ex-date the 21st."""
    closes = [
        Fraction(text) for text in ["46.99", "48.30", "24.96", "24.91", "24.95", "24.53", "24.54"]
    ]
    split = SplitOfUnits(2 * DAY_NS - 1, 10, 2, 1)
    dividend = ExDividend(5 * DAY_NS, 20, Fraction("0.08"), closes[4], 4 * DAY_NS)
    found = adjusted_closes(closes, [split], [dividend])
    expected = ["23.42", "24.07", "24.88", "24.83", "24.87", "24.53", "24.54"]
    assert [f"{float(price):.2f}" for price in found] == expected


@pytest.mark.parametrize(
    ("amount", "close", "factor"),
    [("0.08", "24.96", "0.9968"), ("2.40", "16.51", "0.8546"), ("1.25", "51.20", "0.9756")],
)
def test_the_published_multipliers(amount, close, factor):
    one = ExDividend(DAY_NS, 1, Fraction(amount), Fraction(close), 0)
    assert f"{float(dividend_factor(one, [])):.4f}" == factor


def test_a_split_between_the_close_and_the_ex_date_divides_that_close():
    """Two for one over night, then 1 dollar on the new units: of 100 dollars that were 50."""
    one = ExDividend(DAY_NS, 20, Fraction(1), Fraction(100), 0)
    before, after = SplitOfUnits(OPENS_NS, 10, 2, 1), SplitOfUnits(OPENS_NS, 30, 2, 1)
    assert dividend_factor(one, [before]) == 1 - Fraction(1, 50)
    assert dividend_factor(one, [after]) == 1 - Fraction(1, 100)


def test_a_dividend_as_large_as_the_price_adjusts_nothing():
    assert dividend_factor(ExDividend(DAY_NS, 1, Fraction(5), Fraction(5), 0), []) == 1


def test_what_began_after_all_that_is_as_it_was_traded():
    adjustment = Adjustment([SplitOfUnits(OPENS_NS, 1, 3, 2)], [(DAY_NS, Fraction(9, 10))])
    assert adjustment.of(DAY_NS) == AS_TRADED
    assert adjustment.of(0) == Adjusted(Fraction(3, 2), Fraction(9, 10) / Fraction(3, 2))


prices = st.integers(100, 100_000).map(lambda cents: Fraction(cents, 100))


@given(
    st.lists(
        st.tuples(prices, st.integers(0, 90), st.sampled_from([(1, 1), (2, 1), (3, 2), (1, 4)])),
        min_size=2,
        max_size=12,
    )
)
def test_growth_of_adjusted_prices_is_that_of_a_holder_who_buys_for_every_dividend(steps):
    """Held from the first close; dividends buy units at the close before, less themselves."""
    closes, splits, dividends = [steps[0][0]], [], []
    held = Fraction(1)
    for number, (close, percent, (new, old)) in enumerate(steps[1:], 1):
        opened = closes[-1] * old / new
        held *= Fraction(new, old)
        splits.append(SplitOfUnits(number * DAY_NS - 2, number * 10, new, old))
        amount = opened * percent / 100
        held *= 1 + amount / (opened - amount)
        closed_ns = (number - 1) * DAY_NS
        dividends.append(
            ExDividend(number * DAY_NS, number * 10 + 1, amount, closes[-1], closed_ns)
        )
        closes.append(close)
    adjusted = adjusted_closes(closes, splits, dividends)
    assert adjusted[-1] == closes[-1]
    assert adjusted[-1] / adjusted[0] == held * closes[-1] / closes[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, set()),
        ("", set()),
        ("raw", set()),
        ("split", {SPLIT}),
        ("dividend", {DIVIDEND}),
        ("split,dividend", {SPLIT, DIVIDEND}),
        ("all", set(CorporateAction)),
    ],
)
def test_alpacas_words(text, expected):
    assert adjustment_of(text) == expected


@pytest.mark.parametrize("text", ["none", "Split", "split,", "all,split", "raw,split", "[]"])
def test_other_words_are_refused(text):
    with pytest.raises(MarketDataRequestError):
        adjustment_of(text)
