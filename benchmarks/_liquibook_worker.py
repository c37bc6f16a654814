"""PyPI `liquibook` on the same flow, with a listener in Python: prints its figures as JSON."""

import gc
import hashlib
import json
import time
from typing import Protocol

import liquibook  # type: ignore[import-not-found] # measured where it is, no dependency

from benchmarks.order_flow import BUY, CANCEL, operations

ROUNDS = 3


class Numbered(Protocol):
    """What is used of liquibook's orders."""

    order_id_: int


class Listener(liquibook.OrderListener):  # type: ignore[misc] # a C++ class without types
    """Keeps every trade as (maker, taker, price, quantity)."""

    def __init__(self) -> None:
        super().__init__()
        self.trades: list[tuple[int, int, int, int]] = []

    def on_accept(self, *_: object) -> None:
        """Asked for by the C++ side."""

    def on_cancel(self, *_: object) -> None:
        """Asked for by the C++ side."""

    def on_cancel_reject(self, *_: object) -> None:
        """Asked for by the C++ side."""

    def on_fill(self, order: Numbered, other: Numbered, quantity: int, price: int) -> None:
        """One trade: the first order is the arriving one."""
        self.trades.append((other.order_id_, order.order_id_, price, quantity))


def main() -> None:
    """Measure, best of several rounds, in CPU time."""
    flow = operations()
    gc.collect()
    gc.freeze()
    gc.disable()
    took = []
    listener, before = Listener(), 0
    for _ in range(ROUNDS):
        listener = Listener()
        # It numbers orders itself, from the first of the process on.
        before = liquibook.SimpleOrder(True, 1, 1).order_id_
        book = liquibook.DepthOrderBook()
        book.set_order_listener(listener)
        orders: dict[int, object] = {}
        began = time.process_time()
        for kind, order_id, price, quantity in flow:
            if kind == CANCEL:
                order = orders.pop(order_id, None)
                if order is not None:
                    book.cancel(order)
                continue
            order = liquibook.SimpleOrder(kind == BUY, price, quantity)
            orders[order_id] = order
            book.add(order)
        took.append(time.process_time() - began)
    found = [(maker - before, taker - before, *rest) for maker, taker, *rest in listener.trades]
    figures = {
        "operations_per_s": round(len(flow) / min(took)),
        "trades": len(found),
        "hash": hashlib.sha256(repr(found).encode()).hexdigest(),
    }
    print(json.dumps(figures))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
