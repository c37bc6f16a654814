"""The one task that owns the engine: it numbers wishes, applies them, stores them, then answers.

`lead` runs while this process is the leader; see docs/trading.md for what is promised to callers.
"""

import asyncio
from collections.abc import Callable

from cloud.exchange.wishes import (
    CommittedBatch,
    ExchangeBusy,
    ExchangeUnavailable,
    Receipt,
    Wish,
    WishTooLarge,
)
from trading import Engine

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

Listener = Callable[[CommittedBatch], None]


class Sequencer:
    """Made once a process; leads while `lead` runs, refuses wishes otherwise.

    engine: read only. Between awaits it is as after the last batch applied, which may not be
    committed yet. While this process does not lead, it is whatever the last leader left, or empty.
    """

    def __init__(self) -> None:
        self.engine = Engine()
        self._is_leading = False
        self._listeners: list[Listener] = []

    @property
    def is_leading(self) -> bool:
        """Whether wishes are taken now."""
        return self._is_leading

    def offer(self, wish: Wish) -> asyncio.Future[Receipt]:
        """Take a wish; the receipt comes after its commit. Never blocks.

        The future fails with ExchangeUnavailable when the process loses the lead on the way:
        then nobody knows whether it was done, and the same client_order_id asks safely again.

        Raises:
            ExchangeUnavailable: this process does not lead.
            ExchangeBusy: too many wishes wait.
        """
        raise ExchangeUnavailable

    async def submit(self, wish: Wish) -> Receipt:
        """`offer`, and wait."""
        return await self.offer(wish)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be called with each batch after its commit, in order, in the event loop.

        The listener must be quick and never raise; call what this returns to end it.
        """
        self._listeners.append(listener)

        def end() -> None:
            self._listeners.remove(listener)

        return end
