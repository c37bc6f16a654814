"""What a transaction must be, and how a charge is split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.money import Money
from cloud.ledger.rules import (
    AMOUNT_MINOR_MAX,
    LIMITS,
    Account,
    AccountKind,
    Posting,
    UnbalancedError,
    check,
    split_charge,
    without_zeros,
)


def posting(owner: str, amount_minor: int, currency: str = "EUR") -> Posting:
    return Posting(Account(AccountKind.REVENUE, owner, currency), amount_minor)


@given(st.lists(st.integers(1, AMOUNT_MINOR_MAX // 10), min_size=1, max_size=9))
def test_postings_that_sum_to_zero_are_a_transaction(amounts):
    rest = posting("rest", -sum(amounts))
    check([rest, *(posting(f"lot-{n}", amount) for n, amount in enumerate(amounts))])


@pytest.mark.parametrize(
    "postings",
    [
        [],
        [posting("a", 5)],
        [posting("a", 5), posting("b", -4)],
        [posting("a", 5), posting("a", -5)],
        [posting("a", 5), posting("b", -5, "USD")],
        [posting("a", 5), posting("b", -5), posting("c", 0)],
        [posting("a", AMOUNT_MINOR_MAX + 1), posting("b", -AMOUNT_MINOR_MAX - 1)],
    ],
)
def test_anything_else_is_none(postings):
    with pytest.raises(UnbalancedError):
        check(postings)


@given(st.integers(1, 10**9), st.integers(-10, 10**9))
def test_a_split_adds_up_and_never_takes_more_than_there_is(amount, wallet):
    split = split_charge(Money(amount, "EUR"), wallet)
    assert split.paid_minor + split.owed_minor == amount
    assert 0 <= split.paid_minor <= max(0, wallet)
    assert split.owed_minor == 0 or split.paid_minor == max(0, wallet)


def test_only_accounts_without_limits_are_kept_in_parts():
    for limits in LIMITS.values():
        assert limits.parts == 1 or (limits.floor_minor, limits.ceiling_minor) == (None, None)


def test_postings_of_nothing_fall_away():
    assert without_zeros(posting("a", 0), posting("b", 1)) == (posting("b", 1),)
