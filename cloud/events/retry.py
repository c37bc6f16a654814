"""Whether a failure passes by itself, and how long to wait before trying again."""

from typing import Final

from cloud.kit.outages import is_passing

__all__ = ["RETRY_DELAY_S_MAX", "is_passing", "retry_delay_s"]

RETRY_DELAY_S_MAX: Final = 5.0
_FIRST_DELAY_S: Final = 0.05


def retry_delay_s(attempt: int, draw: float) -> float:
    """How long to wait before the next try.

    attempt: 1 for the first retry.
    draw: uniform in [0, 1), passed in so that tests and replays are exact.
    Returns half to all of a ceiling that doubles from 50 ms to RETRY_DELAY_S_MAX.

    Raises:
        ValueError: attempt is below 1.
    Source: M. Brooker, Exponential Backoff and Jitter, AWS blog, 2015 ("equal jitter").
    """
    if attempt < 1:
        raise ValueError("The first retry is attempt 1.")
    # 2**16 is past the ceiling already; the bound keeps the power from growing without end.
    ceiling: float = min(RETRY_DELAY_S_MAX, _FIRST_DELAY_S * 2 ** min(attempt - 1, 16))
    return ceiling * (0.5 + draw / 2)
