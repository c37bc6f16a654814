"""Which failures pass by themselves, and how waiting grows."""

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from cloud.events.retry import RETRY_DELAY_S_MAX, is_passing, retry_delay_s
from cloud.kit.errors import ConflictError, UnavailableError


class RefusedError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (RedisConnectionError(), True),
        (UnavailableError("The broker is away."), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (OperationalError("", {}, RefusedError("08006")), True),
        (DBAPIError("", {}, RefusedError("40001")), True),
        (DBAPIError("", {}, RefusedError("22P02")), False),
        (IntegrityError("", {}, RefusedError("23505")), False),
        (asyncpg.UniqueViolationError(), False),
        (ConflictError("It is so."), False),
        (KeyError("no such lot"), False),
    ],
    ids=repr,
)
def test_only_a_failure_of_the_surroundings_passes_by_itself(error, passes):
    assert is_passing(error) is passes


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_never_zero_and_never_above_the_maximum(attempt, draw):
    assert 0 < retry_delay_s(attempt, draw) <= RETRY_DELAY_S_MAX


def test_delays_double():
    assert [retry_delay_s(n, 0.0) * 2 for n in (1, 2, 3)] == [0.05, 0.1, 0.2]


def test_there_is_no_attempt_zero():
    with pytest.raises(ValueError, match="attempt 1"):
        retry_delay_s(0, 0.5)
