"""Feeds a flow of orders to the bare book: compiled with it, as an interpreted loop halves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.book import BookOrder, HalfBook
from trading.matching import Steps, match
from trading.orders import ALLOW

if TYPE_CHECKING:
    # In annotations only, so that plain Python runs without the package.
    from mypy_extensions import i64


def drive(flow: list[tuple[i64, i64, i64, i64]]) -> tuple[Steps, list[int]]:
    """Every trade of the flow, and the taker of each."""
    bids, asks = HalfBook(True), HalfBook(False)
    live: dict[int, BookOrder] = {}
    steps = Steps()
    takers: list[int] = []
    for kind, order_id, price, quantity in flow:
        if kind == 0:
            found = live.pop(order_id, None)
            if found is not None and found.level is not None:
                if found.is_buy:
                    bids.remove(found)
                else:
                    asks.remove(found)
            continue
        is_buy: bool = kind == 1
        order = BookOrder(order_id, is_buy, price, quantity, 0, ALLOW, 0)
        before: i64 = steps.count
        match(asks if is_buy else bids, order, price, steps)
        after: i64 = steps.count
        while before < after:
            takers.append(order_id)
            before += 1
        if order.remaining > 0:
            live[order_id] = order
            if is_buy:
                bids.add(order)
            else:
                asks.add(order)
    return steps, takers


def trades(steps: Steps, takers: list[int]) -> list[tuple[int, int, int, int]]:
    """(maker, taker, price, quantity) of every trade."""
    return [
        (step.maker.order_id, taker, step.price, step.quantity)
        for step, taker in zip(steps.entries, takers, strict=True)
    ]
