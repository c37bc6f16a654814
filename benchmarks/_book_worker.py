"""One build of the bare book, in a process of its own: prints its figures as JSON."""

import gc
import hashlib
import json
import time

import trading.book
from benchmarks._book_driver import drive, trades
from benchmarks.order_flow import operations

ROUNDS = 7


def main() -> None:
    """Measure, best of several rounds, in CPU time, so that a busy neighbour does not count."""
    figures: dict[str, float | str] = {"is_compiled": trading.book.__file__.endswith(".so")}
    for name, depth_ticks in (("", 100), ("_deep", 2_000)):
        flow = operations(depth_ticks=depth_ticks)
        gc.collect()
        gc.freeze()
        gc.disable()
        took = []
        for _ in range(ROUNDS):
            began = time.process_time()
            steps, takers = drive(flow)
            took.append(time.process_time() - began)
        found = trades(steps, takers)
        figures[f"operations_per_s{name}"] = round(len(flow) / min(took))
        figures[f"trades{name}"] = len(found)
        figures[f"hash{name}"] = hashlib.sha256(repr(found).encode()).hexdigest()
    print(json.dumps(figures))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
