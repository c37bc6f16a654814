"""What accounts there are, what a transaction must be, and how a charge is split: pure rules.

An account's balance is what its owner has in it: a wallet holds the driver's money, a debt account
is negative by what they owe. So a top-up takes from `cash_in` (the world outside, ever more
negative) and puts the same into the wallet.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cloud.kit.money import Money

AMOUNT_MINOR_MAX: Final = 10**12
"""No single movement is larger (ten billion of most currencies): it would be a mistake."""


class AccountKind(StrEnum):
    """What an account is for, and whose it is."""

    WALLET = "wallet"  # a user's money here
    HOLD = "hold"  # a user's money set aside for something
    DEBT = "debt"  # what a user (or an unknown driver, at a lot) owes; zero or below
    REVENUE = "revenue"  # what a lot has earned
    REFUND = "refund"  # what a lot has given back; kept apart from what it earned
    EXCHANGE = "exchange"  # what wallets have paid into a portfolio; negative by what it gained
    CASH_IN = "cash_in"  # what a payment provider or an operator brought in; zero or below


@dataclass(frozen=True, order=True)
class Account:
    """One account. owner: a user's id, a lot, or the name of a provider."""

    kind: AccountKind
    owner: str
    currency: str


@dataclass(frozen=True)
class Limits:
    """What an account's balance may be, and in how many parts the database keeps it.

    parts: more than one only without a floor or ceiling. Everybody pays into a lot's revenue; in
        one row, its payments would wait for each other until each commit.
    """

    floor_minor: int | None
    ceiling_minor: int | None
    parts: int


LIMITS: Final = {
    AccountKind.WALLET: Limits(0, None, 1),
    AccountKind.HOLD: Limits(0, None, 1),
    AccountKind.DEBT: Limits(None, 0, 1),
    AccountKind.REVENUE: Limits(None, None, 8),
    AccountKind.REFUND: Limits(None, None, 8),
    AccountKind.EXCHANGE: Limits(None, None, 1),
    AccountKind.CASH_IN: Limits(None, None, 8),
}


@dataclass(frozen=True)
class Posting:
    """One account's part in a transaction: positive goes in, negative comes out."""

    account: Account
    amount_minor: int


@dataclass(frozen=True)
class Transaction:
    """Money that moves at once or not at all.

    client_id: whoever sends the same one again moves nothing again; unique in the whole ledger.
    kind: stable word for statements: `top_up`, `stay_charged`.
    reference: what it is for: `booking:0190...`.
    """

    client_id: str
    kind: str
    postings: tuple[Posting, ...]
    memo: str = ""
    reference: str = ""


class UnbalancedError(ValueError):
    """A transaction that is none; our bug, never a user's doing."""


def check(postings: Sequence[Posting]) -> None:
    """Whether these postings are a transaction.

    Raises:
        UnbalancedError: fewer than two, one of zero or too large, an account twice, or they do not
            sum to zero in each currency.
    """
    sums: Counter[str] = Counter()
    for posting in postings:
        sums[posting.account.currency] += posting.amount_minor
        if not 0 < abs(posting.amount_minor) <= AMOUNT_MINOR_MAX:
            raise UnbalancedError(f"{posting} moves nothing, or more than anybody has.")
    if any(sums.values()):
        raise UnbalancedError(f"Postings must sum to zero in each currency, not to {dict(sums)}.")
    if len(postings) < 2 or len({p.account for p in postings}) != len(postings):
        raise UnbalancedError("A transaction has two postings or more, each of another account.")


def without_zeros(*postings: Posting) -> tuple[Posting, ...]:
    """Only the postings that move something."""
    return tuple(posting for posting in postings if posting.amount_minor)


@dataclass(frozen=True)
class Split:
    """How a charge is settled; both parts sum to it."""

    paid_minor: int
    owed_minor: int


def split_charge(amount: Money, wallet_minor: int) -> Split:
    """From the wallet as far as it goes, the rest owed."""
    paid = max(0, min(amount.amount_minor, wallet_minor))
    return Split(paid, amount.amount_minor - paid)
