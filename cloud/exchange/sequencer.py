"""The one task that owns the engine: it numbers wishes, applies them, stores them, then answers.

`lead` runs while this process is the leader; see docs/trading.md for what is promised to callers.
A batch is made when the one before it is committed, of all that has come meanwhile; sooner, while
that one still commits, when enough waits to be worth it. Always sooner would be a batch of the few
that came while the last was matched, and everybody behind them waiting for two commits instead of
one. Never more than one commit is under way. Where another batch follows at once, it is on its way
to the database before those in the last one are answered. A failed commit ends `lead`, and with it
the process: memory is ahead of the journal then, and the journal is what counts.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import islice
from typing import Final

from cloud.events.outbox import Outbox
from cloud.exchange.applying import Applied, Desk, Waiting
from cloud.exchange.leader import Lead
from cloud.exchange.order_names import OrderNames
from cloud.exchange.order_rows import OrderRows, load_order_rows
from cloud.exchange.steady_memory import look_at_all_once
from cloud.exchange.store import prepare, store
from cloud.exchange.wishes import (
    CommittedBatch,
    ExchangeBusy,
    ExchangeUnavailable,
    Receipt,
    Wish,
    WishTooLarge,
)
from cloud.kit.clock import Clock
from cloud.kit.errors import AppError
from trading import Engine
from trading.events import DayAdvanced

__all__ = [
    "CommittedBatch",
    "ExchangeBusy",
    "ExchangeUnavailable",
    "Listener",
    "Receipt",
    "Sequencer",
    "Wish",
    "WishTooLarge",
]

WAITING_MAX: Final = 20_000
BATCH_MAX: Final = 500
"""About ten milliseconds of matching and storing: what a client waits at most for others' work."""
EARLY_MIN: Final = 150
"""So many that wait are matched beside a commit: then matching takes as long as committing does."""

Listener = Callable[[CommittedBatch], None]
Beginner = Callable[[Engine], None]
Answer = Callable[[Receipt | AppError], None]


class Sequencer:
    """Made once a process; leads while `lead` runs, refuses wishes otherwise.

    engine: read only. Between awaits it is as after the last batch applied, which may not be
    committed yet. While this process does not lead, it is whatever the last leader left, or empty.
    order_rows: which rows go on with live orders; the same holds.
    """

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self.engine = Engine()
        self.order_rows = OrderRows()
        self._names = OrderNames()
        self._outbox = outbox
        self._clock = clock
        self._is_leading = False
        self._listeners: tuple[Listener, ...] = ()
        self._beginners: tuple[Beginner, ...] = ()
        self._waiting: deque[Waiting] = deque()
        self._is_committing = False
        self._may_match = asyncio.Event()
        self._committed = 0

    @property
    def is_leading(self) -> bool:
        """Whether wishes are taken now."""
        return self._is_leading

    @property
    def committed_sequence(self) -> int:
        """The last command of the last batch that listeners heard of, or that was recovered."""
        return self._committed

    def row_of_name(self, portfolio_id: int, client_order_id: str) -> int | None:
        """The row of the order that this name was given to; perhaps not committed yet.

        Raises:
            ExchangeUnavailable: it is not known here, and older names may not be in memory.
        """
        row = self._names.row_of(portfolio_id, client_order_id)
        if row is None and self._names.has_older:
            raise ExchangeUnavailable(
                "Not all names of older orders are at hand now; try again, or send the order's id."
            )
        return row

    def post(self, wish: Wish, answer: Answer) -> None:
        """Take a wish; `answer` is called, quickly and without raising, after its commit.

        It gets an AppError instead when that is refused before the engine, or when the process
        loses the lead on the way: then nobody knows whether it was done, and the same
        client_order_id asks safely again.

        Raises:
            ExchangeUnavailable: this process does not lead.
            ExchangeBusy: too many wishes wait.
        """
        if not self._is_leading:
            raise ExchangeUnavailable
        if len(self._waiting) >= WAITING_MAX:
            raise ExchangeBusy(len(self._waiting))
        self._waiting.append((wish, answer))
        if not self._is_committing or len(self._waiting) >= EARLY_MIN:
            self._may_match.set()

    def offer(self, wish: Wish) -> asyncio.Future[Receipt]:
        """Take a wish; the receipt comes after its commit. Never blocks.

        The future fails with what `post` would have given to `answer`.

        Raises:
            ExchangeUnavailable: this process does not lead.
            ExchangeBusy: too many wishes wait.
        """
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def answer(outcome: Receipt | AppError) -> None:
            if future.done():
                return
            if isinstance(outcome, AppError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self.post(wish, answer)
        return future

    async def submit(self, wish: Wish) -> Receipt:
        """`offer`, and wait."""
        return await self.offer(wish)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be called with each batch after its commit, in order, in the event loop.

        The listener must be quick and never raise; call what this returns to end it.
        """
        self._listeners = (*self._listeners, listener)

        def end() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

        return end

    def on_lead(self, begin: Beginner) -> None:
        """Be called whenever this process begins to lead, before the first wish is taken.

        It gets the recovered engine, all of whose commands are committed; the first batch that
        listeners hear of is the one after. Quick, and never raises.
        """
        self._beginners = (*self._beginners, begin)

    async def lead(self, engine: Engine, lead: Lead) -> None:
        """Take wishes, until cancelled or until a batch cannot be stored.

        engine: at the end of the journal; it belongs to the sequencer from here on.

        Raises:
            LeadLost: the lock is gone. asyncpg.PostgresError, OSError: a commit failed, or
                nobody knows whether it did. The engine must not be used for anything after that.
        """
        async with lead.writing() as connection:
            order_rows = await load_order_rows(connection, engine.venue.orders)
            await prepare(connection)
        names = OrderNames()
        self.engine, self.order_rows, self._names = engine, order_rows, names
        self._committed = engine.sequence
        for begin in self._beginners:
            begin(engine)
        desk = Desk(engine, order_rows, names, outbox=self._outbox, clock=self._clock)
        unanswered: deque[Applied] = deque()
        self._is_leading = True
        try:
            await self._run(desk, lead, unanswered)
        finally:
            self._is_leading = False
            self._refuse_all(unanswered)

    async def _run(self, desk: Desk, lead: Lead, unanswered: deque[Applied]) -> None:
        # One batch at most stands between the two: applied, while the one before it commits.
        handed: asyncio.Queue[Applied] = asyncio.Queue()
        room = asyncio.Semaphore(1)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_load(self._names, lead), name="names")
                group.create_task(self._match(lead, desk, handed, room, unanswered), name="match")
                group.create_task(self._commit(lead, handed, room, unanswered), name="commit")
        except* Exception as problems:
            raise problems.exceptions[0] from problems

    async def _match(
        self,
        lead: Lead,
        desk: Desk,
        handed: asyncio.Queue[Applied],
        room: asyncio.Semaphore,
        unanswered: deque[Applied],
    ) -> None:
        while True:
            await self._may_match.wait()
            await room.acquire()
            count = min(len(self._waiting), BATCH_MAX)
            if self._names.has_older:
                wishes = [wish for wish, _ in islice(self._waiting, count)]
                async with lead.writing() as connection:
                    await self._names.look_up(connection, wishes)
            applied = desk.apply(self._waiting, count)
            if len(self._waiting) < EARLY_MIN:
                self._may_match.clear()
            self._is_committing = True
            unanswered.append(applied)
            handed.put_nowait(applied)

    async def _commit(
        self,
        lead: Lead,
        handed: asyncio.Queue[Applied],
        room: asyncio.Semaphore,
        unanswered: deque[Applied],
    ) -> None:
        done: Applied | None = None
        while True:
            if done is not None and not self._waiting and handed.empty():
                self._tell(done, unanswered)
                done = None
            applied = await handed.get()
            room.release()
            if applied.stored is not None:
                # PostgreSQL has the next batch before anybody is told of the last: it would else
                # be idle for as long as telling takes, a fifth of the time.
                tell = None if done is None else partial(self._tell, done, unanswered)
                await _finish(self._store(lead, applied), meanwhile=tell)
            elif done is not None:
                self._tell(done, unanswered)
            done = applied
            self._is_committing = not handed.empty()
            if self._waiting and not self._is_committing:
                self._may_match.set()

    def _tell(self, applied: Applied, unanswered: deque[Applied]) -> None:
        """Answer everybody in a batch that is durable, then its listeners hear of it."""
        assert unanswered[0] is applied, "batches are answered in order"
        unanswered.popleft()
        applied.answer_all()
        if applied.stored is None:
            return
        self._committed = applied.stored.last_sequence
        self._outbox.committed()
        batch = applied.committed()
        for listener in self._listeners:
            listener(batch)
        if any(isinstance(fact, DayAdvanced) for fact in applied.stored.rows.notable):
            look_at_all_once()

    async def _store(self, lead: Lead, applied: Applied) -> None:
        assert applied.stored is not None, "only batches with commands are stored"
        async with lead.writing() as connection:
            await store(connection, applied.stored)

    def _refuse_all(self, unanswered: deque[Applied]) -> None:
        unknown = ExchangeUnavailable(
            "The exchange stopped before it could say whether this was done; "
            "ask again with the same client_order_id."
        )
        for applied in unanswered:
            applied.refuse_all(unknown)
        nothing_done = ExchangeUnavailable()
        while self._waiting:
            self._waiting.popleft()[1](nothing_done)
        self._is_committing = False
        self._may_match.clear()


async def _load(names: OrderNames, lead: Lead) -> None:
    """Read the names of older orders, a few at a time between the commits."""
    has_more = True
    while has_more:
        async with lead.writing() as connection:
            has_more = await names.load_some(connection)


async def _finish(work: Coroutine[None, None, None], meanwhile: Callable[[], None] | None) -> None:
    """Let a commit that has begun come to its end, also when the process is told to stop.

    meanwhile: called once it is on its way.
    """
    task = asyncio.ensure_future(work)
    try:
        if meanwhile is not None:
            await asyncio.sleep(0)
            meanwhile()
        await asyncio.shield(task)
    except BaseException:
        await asyncio.wait([task])
        raise
