"""From waiting wishes to an applied batch with everything that is to be stored and answered."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from cloud.events.outbox import Outbox
from cloud.exchange.batch_facts import facts_of
from cloud.exchange.journal import encode_entry, hash_of, join_entries
from cloud.exchange.order_names import OrderNames
from cloud.exchange.order_rows import OrderRows
from cloud.exchange.read_model import ReadModel
from cloud.exchange.store import StoredBatch
from cloud.exchange.wishes import CommittedBatch, Receipt, Wish, WishTooLarge
from cloud.kit.clock import Clock
from cloud.kit.errors import AppError
from trading import Engine
from trading.command_base import Command
from trading.commands import Deposit
from trading.event_base import Event

Waiting = tuple[Wish, Callable[[Receipt | AppError], None]]

CASH_MAX: Final = 1 << 62
"""What may be in the venue altogether, so that no sum in any table can overflow."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Repeat(msgspec.Struct, frozen=True):
    """A wish whose name was taken before: by these rows, or by the command at that place."""

    waiting: Waiting
    rows: tuple[int, ...]
    place: int


class Applied(msgspec.Struct):
    """A batch that the engine has done, on its way to the database.

    stored: None where there were only repeats and refusals. refused: before the engine.
    """

    waiting: list[Waiting]
    commands: list[Command]
    events: list[list[Event]]
    at_ns: int
    order_ids: list[tuple[int, ...]]
    rows_before: dict[int, int]
    stored: StoredBatch | None
    repeats: list[Repeat]
    refused: list[tuple[Waiting, AppError]]

    def answer_all(self) -> None:
        """Tell everybody; the batch is durable."""
        at_ns = self.at_ns
        for (wish, answer), command, events, order_ids in zip(
            self.waiting, self.commands, self.events, self.order_ids, strict=True
        ):
            answer(
                Receipt(
                    command.sequence,
                    at_ns,
                    tuple(events),
                    is_repeat=False,
                    order_ids=order_ids,
                    ref=wish.ref,
                )
            )
        for repeat in self.repeats:
            wish, answer = repeat.waiting
            answer(self._receipt_of(repeat, wish.ref))
        for (_, answer), problem in self.refused:
            answer(problem)

    def _receipt_of(self, repeat: Repeat, ref: int) -> Receipt:
        place = repeat.place
        if place < 0:
            return Receipt(0, self.at_ns, (), is_repeat=True, order_ids=repeat.rows, ref=ref)
        order_ids = self.order_ids[place]
        events = () if order_ids else tuple(self.events[place])
        sequence = self.commands[place].sequence
        return Receipt(sequence, self.at_ns, events, is_repeat=True, order_ids=order_ids, ref=ref)

    def refuse_all(self, problem: AppError) -> None:
        """Tell everybody that nobody knows."""
        for _, answer in self.waiting:
            answer(problem)
        for repeat in self.repeats:
            repeat.waiting[1](problem)
        for (_, answer), own_problem in self.refused:
            answer(own_problem)

    def committed(self) -> CommittedBatch:
        """What listeners are told."""
        return CommittedBatch(
            self.commands[0].sequence,
            self.commands[-1].sequence,
            self.at_ns,
            self.commands,
            self.events,
            [wish for wish, _ in self.waiting],
            self.rows_before,
        )


class Desk:
    """Owns the engine while this process leads."""

    def __init__(
        self,
        engine: Engine,
        order_rows: OrderRows,
        names: OrderNames,
        *,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._names = names
        self._read_model = ReadModel(engine, order_rows)
        self._outbox = outbox
        self._clock = clock

    def apply(self, waiting: deque[Waiting], most: int) -> Applied:
        """Take at most so many wishes from the front and apply them."""
        at_ns = self._now_ns()
        applied = Applied([], [], [], at_ns, [], {}, None, [], [])
        entries: list[bytes] = []
        taken: dict[tuple[int, str], int] = {}
        next_sequence = self._engine.sequence + 1
        cash = self._engine.venue.external_cash
        for _ in range(min(len(waiting), most)):
            one = waiting.popleft()
            wish = one[0]
            names = wish.client_order_ids
            if names and self._is_repeat(one, taken, applied):
                continue
            command = wish.make(next_sequence + len(entries), at_ns)
            try:
                entry = encode_entry(command, wish)
                if isinstance(command, Deposit):
                    cash = _bounded_cash(cash, command)
            except WishTooLarge as problem:
                applied.refused.append((one, problem))
                continue
            for name in names:
                taken[wish.portfolio_id, name] = len(entries)
            entries.append(entry)
            applied.waiting.append(one)
            applied.commands.append(command)
        if entries:
            self._run(applied, entries)
        return applied

    def _is_repeat(self, one: Waiting, taken: dict[tuple[int, str], int], applied: Applied) -> bool:
        wish = one[0]
        rows = self._names.rows_of(wish)
        if rows:
            applied.repeats.append(Repeat(one, rows, -1))
            return True
        for name in wish.client_order_ids:
            place = taken.get((wish.portfolio_id, name)) if name else None
            if place is not None:
                applied.repeats.append(Repeat(one, (), place))
                return True
        return False

    def _run(self, applied: Applied, entries: list[bytes]) -> None:
        commands = applied.commands
        wishes = [wish for wish, _ in applied.waiting]
        applied.events = self._engine.apply_batch(commands)
        rows = self._read_model.rows(commands, wishes, applied.events)
        applied.order_ids = rows.order_ids
        applied.rows_before = rows.rows_before
        for wish, order_ids in zip(wishes, rows.order_ids, strict=True):
            if wish.client_order_ids:
                self._names.take(wish, order_ids)
        first, last = commands[0].sequence, commands[-1].sequence
        applied.stored = StoredBatch(
            first,
            last,
            applied.at_ns,
            join_entries(entries),
            hash_of(applied.events),
            rows,
            facts_of(
                self._outbox, rows, first_sequence=first, last_sequence=last, at_ns=applied.at_ns
            ),
        )

    def _now_ns(self) -> int:
        now_ns = (self._clock.now() - _EPOCH) // _MICROSECOND * 1_000
        # A clock that was set back must not take the market back with it.
        return max(now_ns, self._engine.venue.at_ns)


def _bounded_cash(cash: int, command: Deposit) -> int:
    cash += max(command.amount, 0)
    if cash > CASH_MAX:
        raise WishTooLarge("The venue cannot hold that much money.")
    return cash
