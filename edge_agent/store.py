"""The agent's SQLite: one owner, and many pieces of work in one commit.

An event may be acknowledged only when it would survive a power cut, and syncing to an SD card takes
milliseconds. So whatever has queued up while one commit was on its way shares the next one. Work is
a function of the connection; it runs in the store's own thread and nowhere else.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

FILE: Final = "agent.sqlite3"
COMMIT_MAX: Final = 512
QUEUE_MAX: Final = 10_000

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, heard_ms INTEGER NOT NULL,
                     event BLOB NOT NULL);
CREATE TABLE heard (device TEXT PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE rights (id TEXT PRIMARY KEY, tag TEXT NOT NULL, lot TEXT NOT NULL,
                     flags INTEGER NOT NULL, from_s INTEGER NOT NULL, until_s INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE INDEX rights_of_lot ON rights (lot, from_s);
CREATE TABLE passages (lot TEXT NOT NULL, tag TEXT NOT NULL, is_inside INTEGER NOT NULL,
                       at_ms INTEGER NOT NULL, PRIMARY KEY (lot, tag)) WITHOUT ROWID;
CREATE TABLE cards (tag TEXT PRIMARY KEY, counter INTEGER NOT NULL, gate TEXT NOT NULL,
                    boot INTEGER NOT NULL, tap INTEGER NOT NULL, at_ms INTEGER) WITHOUT ROWID;
CREATE TABLE taps (gate TEXT NOT NULL, boot INTEGER NOT NULL, tap INTEGER NOT NULL,
                   tag TEXT NOT NULL, PRIMARY KEY (gate, boot, tap)) WITHOUT ROWID;
CREATE TABLE counters (device TEXT NOT NULL, way TEXT NOT NULL, counter INTEGER NOT NULL,
                       PRIMARY KEY (device, way)) WITHOUT ROWID;
CREATE TABLE gates (gate TEXT PRIMARY KEY, is_online INTEGER NOT NULL, boot INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE gate_lists (gate TEXT PRIMARY KEY, content TEXT NOT NULL, list BLOB NOT NULL)
    WITHOUT ROWID;
"""
_SCHEMA_VERSION: Final = 1


class StoreError(Exception):
    """The disk did not take it (full, broken, read-only); nothing of this work is stored."""


class Store:
    """Owns the database file; `run_forever` must be running for `run` to come back.

    Everything is in memory and on disk as of the last commit: WAL, synchronous=FULL.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StoreError: it cannot be opened, or is of a later version of the agent.
        """
        self.path = path
        self._queue: asyncio.Queue[tuple[Work[Any], asyncio.Future[Any]]] = asyncio.Queue(QUEUE_MAX)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection = self._thread.submit(_open, path).result()
        self.commits = 0

    def read_now(self, work: Work[T]) -> T:
        """Run work and wait for it, blocking; for the start, before the loop serves anybody."""
        return self._thread.submit(work, self._connection).result()

    def post(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue work; the future ends when it is committed, or with StoreError.

        Work is committed in the order of the calls. An exception other than the disk's is our
        bug and ends `run_forever`.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((work, future))
        except asyncio.QueueFull:
            future.set_exception(StoreError(f"{QUEUE_MAX} pieces of work wait for the disk."))
        # Who does not wait for the outcome need not be told of it by a warning at exit.
        future.add_done_callback(_look_at)
        return future

    async def run(self, work: Work[T]) -> T:
        """Queue work and wait until it is committed.

        Raises:
            StoreError: the disk refused.
        """
        return await self.post(work)

    async def run_forever(self) -> None:
        """Commit what is queued, until cancelled; `close` commits the rest."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < COMMIT_MAX and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            committing = loop.run_in_executor(
                self._thread, _commit, self._connection, [work for work, _ in batch]
            )
            # A cancelled owner still finishes the commit that is under way.
            self._settle(batch, await asyncio.shield(committing))

    def close(self) -> None:
        """Commit what is still queued, then close the file; `run_forever` must have ended."""
        rest = []
        while not self._queue.empty():
            rest.append(self._queue.get_nowait())
        works = [work for work, _ in rest]
        self._settle(rest, self._thread.submit(_commit, self._connection, works).result())
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _settle(
        self, batch: list[tuple[Work[Any], asyncio.Future[Any]]], outcomes: list[Any]
    ) -> None:
        self.commits += 1
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, StoreError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


def _look_at(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made private before anything is in it.
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
            )
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The database {path} cannot be opened: {error}.") from error
    if found > _SCHEMA_VERSION:
        raise StoreError(f"The database {path} is of a later agent (version {found}).")
    return connection


def _commit(connection: sqlite3.Connection, works: list[Work[Any]]) -> list[Any]:
    """The result of each piece of work, or the StoreError that kept it from being stored."""
    if not works:
        return []
    try:
        return _transact(connection, works)
    except sqlite3.Error as error:
        if len(works) == 1:
            return [StoreError(f"The disk did not take it: {error}.")]
    # One of them is to blame; alone, each answers for itself.
    return [_commit(connection, [work])[0] for work in works]


def _transact(connection: sqlite3.Connection, works: list[Work[Any]]) -> list[Any]:
    # Deferred: what only reads works on a disk that takes nothing. There is no second writer.
    connection.execute("BEGIN")
    try:
        results = [work(connection) for work in works]
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return results


def get_meta(connection: sqlite3.Connection, key: str) -> Any:  # noqa: ANN401 - what was put
    """A single value by name, None when it was never set."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def set_meta(connection: sqlite3.Connection, key: str, value: str | bytes | int) -> None:
    """Store a single value by name."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (key, value),
    )
