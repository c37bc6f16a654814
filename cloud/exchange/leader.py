"""Who leads: one process of all, by a lock that lives in the connection it writes through.

The lock is PostgreSQL's advisory lock of the session, so it ends with the connection, and the
connection ends with the process, at latest when the network has been silent for three seconds. A
process that lost the lock has thereby lost the only way in which it writes: it cannot store one
batch more, whatever it still believes. The journal's primary key is the second fence.

A leader that hangs keeps its connection. So it shows that it lives by using it, at least twice a
second; a standby that sees it silent for `SILENT_S` ends that connection in the database, and only
then takes the lock. A connection that waits for the database itself is not silent.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Final, TypeAlias

import asyncpg
import structlog

log = structlog.get_logger()

LOCK: Final = 0x43757262_45786368
"""The key of the advisory lock: `CurbExch`."""

APPLICATION: Final = "curb-exchange"
POLL_S: Final = 0.2
BEAT_S: Final = 0.5
SILENT_S: Final = 2.5
_END_WITHIN_MS: Final = 1_000
_STATEMENT_TIMEOUT_MS: Final = 60_000

_HOLDER: Final = """
    SELECT holder.pid, holder.state <> 'active'
        AND clock_timestamp() - holder.state_change > make_interval(secs => $2)
    FROM pg_locks AS locks JOIN pg_stat_activity AS holder USING (pid)
    WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 1
        AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (locks.classid::bigint << 32 | locks.objid::bigint) = $1
"""

Sleep = Callable[[float], Awaitable[None]]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class LeadLost(Exception):  # noqa: N818 -- a state, not a mistake
    """The connection that holds the lock is gone: nothing may be written any more."""


class _Writing(AbstractAsyncContextManager[Connection]):
    """One transaction after the other; a class, because hundreds a second go through it."""

    def __init__(self, connection: Connection, turn: asyncio.Lock, lost: asyncio.Event) -> None:
        self._connection = connection
        self._turn = turn
        self._lost = lost

    async def __aenter__(self) -> Connection:
        await self._turn.acquire()
        if self._lost.is_set():
            self._turn.release()
            raise LeadLost
        return self._connection

    async def __aexit__(
        self, _kind: object, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._turn.release()
        if isinstance(error, asyncpg.InternalClientError):
            # The database has begun to say why it ends the connection, and asyncpg takes no
            # statement while it reads that.
            raise LeadLost from error


class Lead:
    """The lock while it is held, and the connection it lives in. `stand_for_lead` makes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._lost = asyncio.Event()
        self._writing = _Writing(connection, self._turn, self._lost)
        connection.add_termination_listener(self._note_end)

    @property
    def is_held(self) -> bool:
        """Whether the connection stands, as far as this process has heard."""
        return not self._lost.is_set()

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """The connection, for one transaction: the only one that may write the journal.

        Raises:
            LeadLost: it is gone, and the lead with it.
        """
        return self._writing

    async def keep(self, sleep: Sleep = asyncio.sleep) -> None:
        """Show that this process lives, until it no longer leads.

        Raises:
            LeadLost: the connection is gone.
        """
        while not self._lost.is_set():
            # Whoever is writing shows it as well.
            if not self._turn.locked():
                try:
                    async with self.writing() as connection:
                        await connection.execute("SELECT 1")
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    raise LeadLost from error
            await sleep(BEAT_S)
        raise LeadLost

    def _note_end(self, _connection: object) -> None:
        self._lost.set()


@asynccontextmanager
async def open_candidate(
    database_url: str, application: str = APPLICATION
) -> AsyncIterator[Connection]:
    """A connection that can hold a lock; it ends, and the lock with it, when the block ends.

    application: what the database lists it as.

    Raises:
        OSError, asyncpg.PostgresError: the database cannot be reached.
    """
    connection = await asyncpg.connect(
        database_url,
        server_settings={
            "application_name": application,
            "timezone": "UTC",
            "statement_timeout": str(_STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(_STATEMENT_TIMEOUT_MS),
            # A machine that vanished says no good-bye: find out within three seconds.
            "tcp_keepalives_idle": "1",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "2",
            "tcp_user_timeout": "3000",
        },
    )
    try:
        yield connection
    finally:
        # A connection that is broken cannot say good-bye, and need not.
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError):
            await connection.close(timeout=2)


async def is_free_now(connection: Connection) -> bool:
    """Take the lock if nobody has it; ends the connection of a holder that has fallen silent."""
    if await _take(connection):
        return True
    holder = await connection.fetchrow(_HOLDER, LOCK, SILENT_S)
    if holder is None or not holder[1]:
        return False
    log.warning("exchange_leader_silent", pid=holder[0], silent_s=SILENT_S)
    await connection.execute("SELECT pg_terminate_backend($1, $2)", holder[0], _END_WITHIN_MS)
    return await _take(connection)


async def stand_for_lead(
    connection: Connection,
    *,
    meanwhile: Callable[[], Awaitable[object]],
    sleep: Sleep = asyncio.sleep,
) -> Lead:
    """Wait until the lock is ours; `meanwhile` is what a standby does between two tries."""
    while not await is_free_now(connection):
        await meanwhile()
        await sleep(POLL_S)
    return Lead(connection)


async def _take(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK))
