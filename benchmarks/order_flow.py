"""A seeded flow of orders for the benchmarks of the venue: 200,000 limit orders, 40,000 cancels.

Half of the orders are priced to cross the middle; every fifth is followed by a cancel of one of the
latest 2,000, which may be gone already. `curb bench order-flow` says what the flow looks like.
"""

import random
from typing import Final

ORDERS: Final = 200_000
CANCEL: Final = 0
BUY: Final = 1
SELL: Final = 2
MIDDLE_TICKS: Final = 100_000
_RECENT: Final = 2_000

# (CANCEL, order id, 0, 0) or (side, order id, price, quantity).
Operation = tuple[int, int, int, int]


def operations(seed: int = 1, depth_ticks: int = 100, orders: int = ORDERS) -> list[Operation]:
    """The flow; prices lie up to `depth_ticks` on either side of the middle."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable flow
    flow: list[Operation] = []
    for order_id in range(1, orders + 1):
        side = BUY if draw.random() < 0.5 else SELL
        is_crossing = draw.random() < 0.5
        distance = draw.randrange(1, depth_ticks)
        price = MIDDLE_TICKS + (distance if (side == BUY) == is_crossing else -distance)
        flow.append((side, order_id, price, draw.randrange(1, 100)))
        if order_id % 5 == 0:
            flow.append((CANCEL, draw.randrange(max(1, order_id - _RECENT), order_id + 1), 0, 0))
    return flow


def run() -> dict[str, float]:
    """Figures by name."""
    flow = operations()
    return {
        "operations": len(flow),
        "cancels": sum(1 for operation in flow if operation[0] == CANCEL),
        "units": sum(operation[3] for operation in flow),
    }
