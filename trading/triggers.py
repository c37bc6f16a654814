"""Stops that wait for a price: elected by trades, trailing ones following the market first.

Heaps with lazy removal: an entry counts only while its order still waits at that very price.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from trading.instruments import BPS
from trading.orders import TRAILING_STOP, UNTRIGGERED

if TYPE_CHECKING:
    from trading.live import Order


def trailing_stop_ticks(order: Order, extreme_ticks: int) -> int:
    """Where a trailing stop stands behind this high-water (sell) or low-water (buy) mark.

    A percentage is rounded so that the distance is never smaller than asked for; then to a tick
    away from the market; never below the smallest price.
    """
    one = order.market.instrument
    distance = order.terms.trail_ticks
    if distance == 0:
        distance = -(-extreme_ticks * order.terms.trail_bps // BPS)
    if order.is_buy:
        return one.round_up(extreme_ticks + distance)
    return max(one.round_down(extreme_ticks - distance), one.tick_at(0))


def _is_last(elected: list[Order], order: Order) -> bool:
    # A stop that was replaced away and back is in the heap twice, next to each other.
    return bool(elected) and elected[-1] is order


class TriggerBook:
    """The waiting stops of one market.

    Keys of buys are prices, of sells negative prices, so that the first to be elected is on top.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.buys: list[tuple[int, int, Order]] = []
        self.sells: list[tuple[int, int, Order]] = []
        # By water mark: the trailing sells with the lowest high first, buys the other way.
        self.trailing_buys: list[tuple[int, int, Order]] = []
        self.trailing_sells: list[tuple[int, int, Order]] = []

    def add(self, order: Order) -> None:
        """Let an order wait at its stop price; the caller counts it."""
        self._push(order)
        if order.order_type == TRAILING_STOP:
            if order.is_buy:
                entry = (-order.extreme_ticks, order.order_id, order)
                heapq.heappush(self.trailing_buys, entry)
            else:
                entry = (order.extreme_ticks, order.order_id, order)
                heapq.heappush(self.trailing_sells, entry)

    def follow(self, price: int) -> list[Order]:
        """Move the trailing stops that a trade at this price moves; gives them."""
        moved: list[Order] = []
        heap = self.trailing_sells
        while heap and heap[0][0] < price:
            mark, _, order = heapq.heappop(heap)
            if order.state == UNTRIGGERED and order.extreme_ticks == mark:
                self._move(order, price)
                heapq.heappush(heap, (price, order.order_id, order))
                moved.append(order)
        heap = self.trailing_buys
        while heap and -heap[0][0] > price:
            mark, _, order = heapq.heappop(heap)
            if order.state == UNTRIGGERED and order.extreme_ticks == -mark:
                self._move(order, price)
                heapq.heappush(heap, (-price, order.order_id, order))
                moved.append(order)
        return moved

    def elect(self, price: int) -> list[Order]:
        """Take out the stops that a trade at this price elects; nearest stop first, then oldest."""
        elected: list[Order] = []
        heap = self.buys
        while heap and heap[0][0] <= price:
            key, _, order = heapq.heappop(heap)
            if (
                order.state == UNTRIGGERED
                and order.stop_ticks == key
                and not _is_last(elected, order)
            ):
                elected.append(order)
        heap = self.sells
        while heap and -heap[0][0] >= price:
            key, _, order = heapq.heappop(heap)
            if (
                order.state == UNTRIGGERED
                and order.stop_ticks == -key
                and not _is_last(elected, order)
            ):
                elected.append(order)
        return elected

    def _push(self, order: Order) -> None:
        if order.is_buy:
            heapq.heappush(self.buys, (order.stop_ticks, order.order_id, order))
        else:
            heapq.heappush(self.sells, (-order.stop_ticks, order.order_id, order))

    def _move(self, order: Order, price: int) -> None:
        order.extreme_ticks = price
        stop = trailing_stop_ticks(order, price)
        # A mark further on never loosens a stop, also where percent and ticks round.
        stop = min(stop, order.stop_ticks) if order.is_buy else max(stop, order.stop_ticks)
        if stop != order.stop_ticks:
            order.stop_ticks = stop
            self._push(order)
