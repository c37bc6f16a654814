"""The bare order book on 200,000 limit orders and 40,000 cancels, held against PyPI `liquibook`.

`liquibook` (C++, with a listener in Python) is no dependency: install it here, or name a Python
that has it in CURB_LIQUIBOOK_PYTHON. `of_target` is the better of two shares: of 3.0 M operations a
second, and of six times liquibook in the same run; without it only the first counts. `same_trades`
is 1 where plain, compiled and (if there) liquibook made the very same trades.
"""

import contextlib
import json
import os
import subprocess
import sys
from typing import Any

from benchmarks._compile import ROOT, CompileError, run_compiled, run_plain

TARGET_PER_S = 3_000_000
TARGET_TIMES_LIQUIBOOK = 6


def run() -> dict[str, float | int | str]:
    """Figures by name."""
    plain = run_plain("_book_worker")
    figures: dict[str, float | int | str] = {
        "plain_operations_per_s": plain["operations_per_s"],
        "trades": plain["trades"],
    }
    try:
        compiled = run_compiled("_book_worker")
    except CompileError as problem:
        return {**figures, "not_compiled": str(problem)}
    figures["operations_per_s"] = compiled["operations_per_s"]
    figures["deep_operations_per_s"] = compiled["operations_per_s_deep"]
    share = compiled["operations_per_s"] / TARGET_PER_S
    hashes = {one[name] for one in (plain, compiled) for name in ("hash",)}
    deep = {one["hash_deep"] for one in (plain, compiled)}
    other = _liquibook()
    if other is None:
        figures["liquibook"] = "absent: judged by the absolute figure alone"
    else:
        times = compiled["operations_per_s"] / other["operations_per_s"]
        figures["liquibook_operations_per_s"] = other["operations_per_s"]
        figures["times_liquibook"] = round(times, 2)
        share = max(share, times / TARGET_TIMES_LIQUIBOOK)
        hashes.add(other["hash"])
    figures["of_target"] = round(share, 3)
    figures["same_trades"] = int(len(hashes) == 1 and len(deep) == 1)
    return figures


def _liquibook() -> dict[str, Any] | None:
    python = os.environ.get("CURB_LIQUIBOOK_PYTHON", sys.executable)
    done = subprocess.run(  # noqa: S603 - a Python of the caller's choice on our own file
        [python, str(ROOT / "benchmarks" / "_liquibook_worker.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with contextlib.suppress(IndexError, json.JSONDecodeError):
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    return None
