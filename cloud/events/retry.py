"""Whether a failure passes by itself, and how long to wait before trying again."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cloud.kit.errors import UnavailableError
from cloud.kit.redis import RedisError

RETRY_DELAY_S_MAX: Final = 5.0
_FIRST_DELAY_S: Final = 0.05

# Classes and codes of PostgreSQL that say "not now": connection lost, resources, shutdown, and
# losing a race (serialisation failure, deadlock, lock not available, statement timed out).
_PASSING_CLASSES: Final = ("08", "53")
_PASSING_CODES: Final = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03"})


def is_passing(error: BaseException) -> bool:
    """Whether trying the same again later can succeed although nothing about the event changes.

    Such a failure is retried for as long as it lasts; any other is counted and ends among the
    dead letters.
    """
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
            return True
        return _has_passing_code(getattr(error.orig, "sqlstate", None))
    if isinstance(error, asyncpg.PostgresError):
        return _has_passing_code(error.sqlstate)
    return isinstance(
        error,
        OSError
        | TimeoutError
        | RedisError
        | UnavailableError
        | PoolTimeoutError
        | asyncpg.InterfaceError,
    )


def _has_passing_code(sqlstate: str | None) -> bool:
    return sqlstate is not None and (
        sqlstate.startswith(_PASSING_CLASSES) or sqlstate in _PASSING_CODES
    )


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
