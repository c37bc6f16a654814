"""Which failures pass by themselves, and which are the caller's, by what the database says."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cloud.kit.errors import UnavailableError
from cloud.kit.redis import RedisError

# Classes and codes of PostgreSQL that say "not now": connection lost, resources, shutdown, and
# losing a race (serialisation failure, deadlock, lock not available, statement timed out).
_PASSING_CLASSES: Final = ("08", "53")
_PASSING_CODES: Final = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03"})


ASYNCPG_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a statement on a connection of asyncpg raises, beside OSError and TimeoutError. The last of
them where the database has begun to say why it ends the connection, and asyncpg still reads it."""

_UNSTORABLE_TEXT: Final = "22021"


def is_passing(error: BaseException) -> bool:
    """Whether trying the same again later can succeed although nothing about it changes."""
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
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError,
    )


def is_unstorable_text(error: BaseException) -> bool:
    """Whether PostgreSQL refused a text for a character that it stores nowhere, such as NUL."""
    refused = error.orig if isinstance(error, DBAPIError) else error
    return getattr(refused, "sqlstate", None) == _UNSTORABLE_TEXT


def _has_passing_code(sqlstate: str | None) -> bool:
    return sqlstate is not None and (
        sqlstate.startswith(_PASSING_CLASSES) or sqlstate in _PASSING_CODES
    )
