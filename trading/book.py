"""One instrument's resting orders: price levels and their queues, first come first served.

A level is found by its price's place in a flat ladder (an index, no search), and the next best one
by counts per block of 64 prices, so that a deep or gappy book costs no more than a tight one. Those
outside the ladder's window live in a sorted list, the far tier; when the market has moved there,
the ladder is laid anew around the best price. None of that shows: it is no part of the state.
Measured on one core, 240 k operations: dict of levels and sorted keys 1.2-1.8 M/s, this 2.3 M/s
and as fast with thousands of levels.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    # In annotations only, so that plain Python runs without the package.
    from mypy_extensions import i64

BLOCK: Final = 64
SPAN: Final = 8192
# Fewer far operations than this do not pay for laying the ladder anew.
FAR_OPERATIONS_MIN: Final = 1024


@mypyc_attr(acyclic=True)
class BookOrder:
    """What the book knows of an order; `live.Order` knows the rest.

    visible: what it shows, at most `remaining`; display: what an iceberg shows at a time, else 0.
    account_id: for self-trade prevention; 0 is nobody.
    """

    def __init__(
        self,
        order_id: i64,
        is_buy: bool,
        price: i64,
        quantity: i64,
        account_id: i64,
        self_trade: i64,
        display: i64,
    ) -> None:
        self.order_id: i64 = order_id
        self.account_id: i64 = account_id
        self.price: i64 = price
        self.remaining: i64 = quantity
        self.visible: i64 = 0
        self.display: i64 = display
        self.self_trade: i64 = self_trade
        self.is_buy: bool = is_buy
        self.prev: BookOrder | None = None
        self.next: BookOrder | None = None
        self.level: Level | None = None


@mypyc_attr(acyclic=True)
class Level:
    """All orders at one price, oldest first; `quantity` counts hidden units too."""

    def __init__(self, price: i64) -> None:
        self.price: i64 = price
        self.quantity: i64 = 0
        self.visible: i64 = 0
        self.count: i64 = 0
        self.first: BookOrder | None = None
        self.last: BookOrder | None = None


class HalfBook:
    """The bids or the asks; `best` is the level that trades first."""

    def __init__(self, is_buy: bool) -> None:
        self.is_buy: bool = is_buy
        self.best: Level | None = None
        self.level_count: i64 = 0
        self.base: i64 = 0
        self.ladder: list[Level | None] = []
        self.blocks: list[int] = []
        self.far: dict[int, Level] = {}
        self.far_prices: list[int] = []
        self.far_operations: i64 = 0

    def add(self, order: BookOrder) -> None:
        """Put an order at the back of its price's queue, showing its full display size."""
        price: i64 = order.price
        if not self.ladder:
            self._lay(price)
        index: i64 = price - self.base
        level: Level | None
        if 0 <= index < SPAN:
            level = self.ladder[index]
            if level is None:
                level = Level(price)
                self.ladder[index] = level
            if level.count == 0:
                self.blocks[index // BLOCK] += 1
                self.level_count += 1
                self._improve(level)
        else:
            level = self._far_level(price)
        visible: i64 = order.remaining
        display: i64 = order.display
        if 0 < display < visible:
            visible = display
        order.visible = visible
        last = level.last
        if last is None:
            level.first = order
        else:
            last.next = order
            order.prev = last
        level.last = order
        order.level = level
        level.quantity += order.remaining
        level.visible += visible
        level.count += 1

    def add_showing(self, order: BookOrder, visible: i64) -> None:
        """Put an order back as it was, an iceberg with what it showed then."""
        self.add(order)
        level = order.level
        assert level is not None, "the order was just added"
        level.visible += visible - order.visible
        order.visible = visible

    def remove(self, order: BookOrder) -> None:
        """Take an order out; what it has remaining stays as it is."""
        level = order.level
        assert level is not None, "the order is not in the book"
        prev = order.prev
        after = order.next
        if prev is None:
            level.first = after
        else:
            prev.next = after
            order.prev = None
        if after is None:
            level.last = prev
        else:
            after.prev = prev
            order.next = None
        order.level = None
        level.quantity -= order.remaining
        level.visible -= order.visible
        level.count -= 1
        if level.count == 0:
            self._drop(level)

    def refill(self, order: BookOrder) -> None:
        """An iceberg whose visible part is gone shows the next part, at the back of the queue."""
        level = order.level
        assert level is not None, "the order is not in the book"
        assert order.visible == 0, "the visible part is not gone"
        visible: i64 = order.remaining
        if order.display < visible:
            visible = order.display
        order.visible = visible
        level.visible += visible
        after = order.next
        if after is None:
            return
        prev = order.prev
        after.prev = prev
        if prev is None:
            level.first = after
        else:
            prev.next = after
        last = level.last
        assert last is not None
        last.next = order
        order.prev = last
        order.next = None
        level.last = order

    def shrink(self, order: BookOrder, by: i64) -> None:
        """Take units off an order that keeps its place and some units, hidden ones first."""
        level = order.level
        assert level is not None, "the order is not in the book"
        assert 0 < by < order.remaining, "nothing would remain"
        order.remaining -= by
        level.quantity -= by
        if order.visible > order.remaining:
            level.visible -= order.visible - order.remaining
            order.visible = order.remaining

    def worse_than(self, price: i64) -> Level | None:
        """The best level with a price worse than this one."""
        near = self._ladder_worse_than(price)
        if not self.far_prices:
            return near
        place = bisect_left(self.far_prices, price)
        if self.is_buy:
            place -= 1
        elif place < len(self.far_prices) and self.far_prices[place] == price:
            place += 1
        if place < 0 or place >= len(self.far_prices):
            return near
        far = self.far[self.far_prices[place]]
        if near is None:
            return far
        return far if (far.price > near.price) == self.is_buy else near

    def levels(self, count: int = 0) -> list[Level]:
        """The levels, best first; all, or as many as asked for."""
        found: list[Level] = []
        level = self.best
        while level is not None and (count == 0 or len(found) < count):
            found.append(level)
            level = self.worse_than(level.price)
        return found

    def orders(self) -> list[BookOrder]:
        """Every order in the sequence in which they would trade."""
        found: list[BookOrder] = []
        for level in self.levels():
            order = level.first
            while order is not None:
                found.append(order)
                order = order.next
        return found

    def _improve(self, level: Level) -> None:
        best = self.best
        if best is None:
            self.best = level
        elif self.is_buy:
            if level.price > best.price:
                self.best = level
        elif level.price < best.price:
            self.best = level

    def _drop(self, level: Level) -> None:
        index: i64 = level.price - self.base
        self.level_count -= 1
        if 0 <= index < SPAN:
            self.blocks[index // BLOCK] -= 1
        else:
            del self.far[level.price]
            del self.far_prices[bisect_left(self.far_prices, level.price)]
        if level is self.best:
            self.best = self.worse_than(level.price)

    def _far_level(self, price: i64) -> Level:
        self.far_operations += 1
        best = self.best
        if best is not None and self.far_operations > FAR_OPERATIONS_MIN + self.level_count:
            index: i64 = best.price - self.base
            if not 0 <= index < SPAN:
                self._relay(best.price)
            self.far_operations = 0
        index = price - self.base
        level: Level | None
        if 0 <= index < SPAN:
            # The ladder now reaches this price.
            level = self.ladder[index]
            if level is None:
                level = Level(price)
                self.ladder[index] = level
            if level.count == 0:
                self.blocks[index // BLOCK] += 1
                self.level_count += 1
                self._improve(level)
            return level
        level = self.far.get(price)
        if level is None:
            level = Level(price)
            self.far[price] = level
            insort(self.far_prices, price)
            self.level_count += 1
            self._improve(level)
        return level

    def _lay(self, centre: i64) -> None:
        self.base = centre - SPAN // 2
        self.ladder = [None] * SPAN
        self.blocks = [0] * (SPAN // BLOCK)

    def _relay(self, centre: i64) -> None:
        levels = self.levels()
        self._lay(centre)
        self.far = {}
        self.far_prices = []
        for level in levels:
            index: i64 = level.price - self.base
            if 0 <= index < SPAN:
                self.ladder[index] = level
                self.blocks[index // BLOCK] += 1
            else:
                self.far[level.price] = level
                self.far_prices.append(level.price)
        self.far_prices.sort()

    def _ladder_worse_than(self, price: i64) -> Level | None:
        ladder = self.ladder
        blocks = self.blocks
        if not ladder:
            return None
        index: i64
        block: i64
        edge: i64
        if self.is_buy:
            index = price - self.base - 1
            if index >= SPAN:
                index = SPAN - 1
            if index < 0:
                return None
            block = index // BLOCK
            while block >= 0:
                if blocks[block] != 0:
                    edge = block * BLOCK
                    while index >= edge:
                        level = ladder[index]
                        if level is not None and level.count != 0:
                            return level
                        index -= 1
                block -= 1
                index = block * BLOCK + BLOCK - 1
            return None
        index = price - self.base + 1
        if index < 0:
            index = 0
        if index >= SPAN:
            return None
        block = index // BLOCK
        while block < SPAN // BLOCK:
            if blocks[block] != 0:
                edge = block * BLOCK + BLOCK
                while index < edge:
                    level = ladder[index]
                    if level is not None and level.count != 0:
                        return level
                    index += 1
            block += 1
            index = block * BLOCK
        return None
