"""How fast `curb --help` answers, and how long a first and a warm `curb up` take, gates and all."""

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_HELP_RUNS = 9
_UP_WITHIN_S = 120.0


def run() -> dict[str, float | int | str]:
    """Measure on a folder that goes away."""
    helps_ms = sorted(_help_ms() for _ in range(_HELP_RUNS))
    with tempfile.TemporaryDirectory(prefix="curb-bench-", ignore_cleanup_errors=True) as scratch:
        data = Path(scratch) / "data"
        first_up_s, _ = _up_and_down_s(data)
        warm_up_s, stop_s = _up_and_down_s(data)
    return {
        "help_ms": statistics.median(helps_ms),
        "help_worst_ms": helps_ms[-1],
        "first_up_s": first_up_s,
        "warm_up_s": warm_up_s,
        "stop_s": stop_s,
    }


def _help_ms() -> float:
    started_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "launcher", "--help"], check=True, stdout=subprocess.DEVNULL
    )
    return (time.perf_counter() - started_s) * 1000


def _up_and_down_s(data: Path) -> tuple[float, float]:
    """Seconds until everything is up, and until everything is stopped again."""
    log_path = data.with_suffix(".log")
    with log_path.open("wb") as log:
        started_s = time.perf_counter()
        up = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "launcher", "up", "--data", str(data), "--port", "0"],
            stdout=log,
            stderr=log,
        )
        try:
            while b"Ctrl-C stops everything" not in log_path.read_bytes():
                if up.poll() is not None or time.perf_counter() - started_s > _UP_WITHIN_S:
                    raise RuntimeError(f"It did not come up:\n{log_path.read_text()}")
                time.sleep(0.02)
            up_s = time.perf_counter() - started_s
        finally:
            stopping_s = time.perf_counter()
            up.send_signal(signal.SIGINT)
            up.wait(_UP_WITHIN_S)
    return up_s, time.perf_counter() - stopping_s
