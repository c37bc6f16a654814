"""A real sequencer on a real PostgreSQL, without the web around it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from unittest.mock import patch

from cloud.events.outbox import Outbox, Wakeup
from cloud.exchange.leader import open_candidate, stand_for_lead
from cloud.exchange.recovery import recover
from cloud.exchange.sequencer import Receipt, Sequencer, Wish, WishTooLarge
from cloud.exchange.wishes import CommittedBatch
from cloud.kit.feature import Kit
from trading.command_base import Command
from trading.commands import decode, encode


@asynccontextmanager
async def leading_sequencer(kit: Kit) -> AsyncIterator[Sequencer]:
    """A sequencer that leads, recovered from whatever the database has; it stops with the block."""
    outbox = Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis))
    sequencer = Sequencer(outbox, kit.clock)
    async with open_candidate(kit.settings.database_url) as connection:
        lead = await stand_for_lead(connection, meanwhile=nothing)
        engine = (await recover(connection)).engine
        task = asyncio.create_task(sequencer.lead(engine, lead))
        try:
            while not sequencer.is_leading and not task.done():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)
            if task.done():
                await task
            yield sequencer
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(ended, asyncio.CancelledError):
                # What went wrong inside says more than what a test saw of it.
                raise RuntimeError("The sequencer stopped by itself.") from ended  # noqa: TRY004


async def keep_ahead(
    sequencer: Sequencer,
    wishes: Iterable[Wish],
    observe: Callable[[Receipt], None] = lambda _receipt: None,
) -> None:
    """Send a wish as soon as the last one is matched, so that it is matched beside the commit.

    So whoever hears of a batch finds the engine beyond it, as under load. observe: told what came
    of each, in order, a wish or two later.
    """
    heard = ahead = 0

    def hear(batch: CommittedBatch) -> None:
        nonlocal heard, ahead
        heard += 1
        ahead += sequencer.engine.sequence > batch.last_sequence

    def take(answer: asyncio.Future[Receipt]) -> None:
        # Random commands may be too large.
        if not isinstance(answer.exception(), WishTooLarge):
            observe(answer.result())

    unanswered: deque[asyncio.Future[Receipt]] = deque()
    unsubscribe = sequencer.subscribe(hear)
    with patch("cloud.exchange.sequencer.EARLY_MIN", 1):
        for wish in wishes:
            before = sequencer.engine.sequence
            answer = sequencer.offer(wish)
            unanswered.append(answer)
            while sequencer.engine.sequence == before and not answer.done():  # noqa: ASYNC110
                await asyncio.sleep(0)
            while unanswered and unanswered[0].done():
                take(unanswered.popleft())
        for answer in unanswered:
            await asyncio.wait([answer])
            take(answer)
    unsubscribe()
    assert 2 * ahead > heard, f"the engine was ahead in {ahead} of {heard} batches only"


async def nothing() -> None:
    """What a standby without a replica does meanwhile."""


def wish_of(command: Command, *names: str, portfolio_id: int = 0, ref: int = 0) -> Wish:
    """A wish for the same command, with whatever number and time the sequencer gives it."""
    kind, _, _, *fields = encode(command)

    def make(sequence: int, at_ns: int) -> Command:
        return decode((kind, sequence, at_ns, *fields))

    return Wish(make, names, portfolio_id, "test", ref)
