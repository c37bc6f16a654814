"""Price-time matching of one arriving order against one side of the book.

What happened is written down as steps, which the engine then turns into money, positions and
events: the book does not know of those. Self-trade prevention acts only when the arriving order
would really trade with its own account's order: an unreachable one plays no part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from trading.book import BookOrder, HalfBook
from trading.orders import ALLOW, CANCEL_BOTH, CANCEL_NEWEST, CANCEL_OLDEST, DECREMENT

if TYPE_CHECKING:
    # In annotations only, so that plain Python runs without the package.
    from mypy_extensions import i64

TRADED: Final = 1
REFILLED: Final = 2
MAKER_CANCELLED: Final = 3
TAKER_CANCELLED: Final = 4
DECREMENTED: Final = 5
_KEPT: Final = 256


@mypyc_attr(acyclic=True)
class Step:
    """One thing that happened while an order was matched.

    left: what the maker has remaining after it. quantity: what was traded or taken off. A maker
    cancelled after a decrement ends with the `left` that is cancelled with it.
    """

    def __init__(self, kind: i64, maker: BookOrder, price: i64, quantity: i64, left: i64) -> None:
        self.kind: i64 = kind
        self.maker: BookOrder = maker
        self.price: i64 = price
        self.quantity: i64 = quantity
        self.left: i64 = left


class Steps:
    """What happened, in order; its entries are written over once they were carried out."""

    def __init__(self) -> None:
        self.entries: list[Step] = []
        self.count: i64 = 0

    def put(self, kind: i64, maker: BookOrder, price: i64, quantity: i64, left: i64) -> None:
        """Write one more step down."""
        if self.count < len(self.entries):
            step = self.entries[self.count]
            step.kind = kind
            step.maker = maker
            step.price = price
            step.quantity = quantity
            step.left = left
        else:
            self.entries.append(Step(kind, maker, price, quantity, left))
        self.count += 1

    def clear(self) -> None:
        """Begin anew; a rare, long match is not paid for with memory ever after."""
        self.count = 0
        if len(self.entries) > _KEPT:
            self.entries = []


def match(other: HalfBook, taker: BookOrder, limit: i64, steps: Steps) -> bool:
    """Trade the order with everything at or better than `limit`; write the steps down.

    Gives False where self-trade prevention ended the arriving order; what it has remaining is then
    to be cancelled, and must not rest.
    """
    is_buy: bool = taker.is_buy
    remaining: i64 = taker.remaining
    account: i64 = taker.account_id
    level = other.best
    while remaining > 0 and level is not None:
        price: i64 = level.price
        if (price > limit) if is_buy else (price < limit):
            break
        maker = level.first
        assert maker is not None, "an empty level was the best"
        if account != 0 and maker.account_id == account and taker.self_trade != ALLOW:
            taker.remaining = remaining
            if not _prevent(other, taker, maker, steps):
                return False
            remaining = taker.remaining
            level = other.best
            continue
        quantity: i64 = maker.visible
        if quantity > remaining:
            quantity = remaining
        remaining -= quantity
        left: i64 = maker.remaining - quantity
        steps.put(TRADED, maker, price, quantity, left)
        if left == 0:
            # Out first: `remove` takes what is remaining off the level.
            other.remove(maker)
            maker.remaining = 0
            maker.visible = 0
            level = other.best
        else:
            maker.remaining = left
            maker.visible -= quantity
            level.quantity -= quantity
            level.visible -= quantity
            if maker.visible == 0:
                other.refill(maker)
                steps.put(REFILLED, maker, price, maker.visible, left)
    taker.remaining = remaining
    return True


def _prevent(other: HalfBook, taker: BookOrder, maker: BookOrder, steps: Steps) -> bool:
    mode: i64 = taker.self_trade
    price: i64 = maker.price
    if mode == DECREMENT:
        return _decrement(other, taker, maker, steps)
    if mode in (CANCEL_OLDEST, CANCEL_BOTH):
        other.remove(maker)
        steps.put(MAKER_CANCELLED, maker, price, 0, maker.remaining)
    if mode in (CANCEL_NEWEST, CANCEL_BOTH):
        steps.put(TAKER_CANCELLED, maker, price, 0, taker.remaining)
        return False
    return True


def _decrement(other: HalfBook, taker: BookOrder, maker: BookOrder, steps: Steps) -> bool:
    """Both lose the smaller of the two; who has nothing left is cancelled."""
    price: i64 = maker.price
    if maker.remaining <= taker.remaining:
        by: i64 = maker.remaining
        other.remove(maker)
        steps.put(DECREMENTED, maker, price, by, 0)
        steps.put(MAKER_CANCELLED, maker, price, 0, by)
    else:
        by = taker.remaining
        other.shrink(maker, by)
        steps.put(DECREMENTED, maker, price, by, maker.remaining)
    if by == taker.remaining:
        steps.put(TAKER_CANCELLED, maker, price, 0, by)
        return False
    taker.remaining -= by
    return True


def can_fill(other: HalfBook, taker: BookOrder, limit: i64) -> bool:
    """Whether the whole order would trade at once, hidden units included (fill or kill).

    Own orders in the way end it where they would stop the order, and count as gone otherwise.
    """
    missing: i64 = taker.remaining
    level = other.best
    while level is not None and missing > 0:
        price: i64 = level.price
        if (price > limit) if taker.is_buy else (price < limit):
            return False
        order = level.first
        while order is not None and missing > 0:
            is_own = taker.account_id != 0 and order.account_id == taker.account_id
            if not is_own or taker.self_trade == ALLOW:
                missing -= order.remaining
            elif taker.self_trade != CANCEL_OLDEST:
                return False
            order = order.next
        level = other.worse_than(price)
    return missing <= 0
