"""What a trader sees in their own room of `/ws`: orders that ended, told together twice a second.

The room is for people: it says that something happened and to which orders, not every step of it.
Who needs every step, without a gap, listens to `/stream`. A notice that Redis does not take is
lost; the orders themselves are in the tables.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.public_ids import order_uuid, portfolio_uuid
from cloud.exchange.wishes import CommittedBatch
from cloud.kit.outages import is_passing
from trading import events
from trading.reasons import Reason

log = structlog.get_logger()

EVENT: Final = "trading.orders"
EVERY_S: Final = 0.5
ORDERS_MAX: Final = 10
PORTFOLIOS_MAX: Final = 2_000
PER_TURN_MAX: Final = 200

_USERS: Final = """
SELECT p.id, a.user_id FROM portfolios p JOIN trading_accounts a ON a.id = p.account_id
WHERE p.id = ANY($1::bigint[])
"""
# What traders did themselves they know already.
_OWN_DOING: Final = frozenset({Reason.BY_TRADER, Reason.IOC_REMAINDER, Reason.FOK_UNFILLABLE})


class EndedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that ended: `fill`, `canceled`, `expired` or `rejected`, and why."""

    order_id: UUID
    symbol: str
    event: str
    reason: str | None = None


class OrdersNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a portfolio within half a second.

    trades: how many. ended: at most ten of the orders that ended; ended_count: how many did.
    """

    portfolio_id: UUID
    trades: int
    ended_count: int
    ended: list[EndedOrder]


class Teller(Protocol):
    """What this needs of `cloud.realtime.hub.Hub`."""

    async def publish(self, room: str, event: str, data: object) -> int:
        """Tell everybody in the room."""
        ...


@dataclass(slots=True)
class _Waiting:
    trades: int = 0
    ended_count: int = 0
    ended: list[EndedOrder] = field(default_factory=list)


class OrderNotices:
    """Hears batches, and tells users' rooms; `run` it where the process may lead."""

    def __init__(
        self,
        live: LivePortfolios,
        pool: "asyncpg.Pool[asyncpg.Record]",
        teller: Teller,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._live = live
        self._pool = pool
        self._teller = teller
        self._sleep = sleep
        self._waiting: dict[int, _Waiting] = {}
        self._users: dict[int, UUID] = {}
        self._listener = live.follow("order-notices", self._hear, begin=self._begin)

    def _begin(self) -> None:
        self._waiting.clear()

    def _hear(self, batch: CommittedBatch, _touched: set[int], _marked: set[int]) -> None:
        rows = batch.order_rows
        for found in batch.events:
            for event in found:
                if isinstance(event, events.OrderFilled):
                    self._filled(event, rows)
                elif isinstance(event, events.OrderCancelled):
                    if event.reason not in _OWN_DOING:
                        self._ended(event, "canceled", rows)
                elif isinstance(event, events.OrderExpired):
                    self._ended(event, "expired", rows)

    async def run(self) -> None:
        """Tell what waits, twice a second, until cancelled."""
        is_away = False
        while True:
            end_if_cancelled()
            await self._sleep(EVERY_S)
            with self._listener.over():
                try:
                    await self.tell()
                except Exception as error:
                    if not is_passing(error):
                        raise
                    if not is_away:
                        log.warning("order_notices_not_told", error=repr(error))
                    is_away = True
                else:
                    is_away = False

    async def tell(self) -> None:
        """Tell what waits, of at most so many portfolios; the others' turn is the next.

        Raises:
            RedisError, OSError, asyncpg.PostgresError: what was on its way is lost.
        """
        turn = list(self._waiting)[:PER_TURN_MAX]
        told = {number: self._waiting.pop(number) for number in turn}
        unknown = [number for number in told if number not in self._users]
        if unknown:
            rows = await self._pool.fetch(_USERS, unknown)
            self._users |= {row["id"]: row["user_id"] for row in rows}
        for number, waiting in told.items():
            user_id = self._users.get(number)
            if user_id is not None:
                notice = OrdersNotice(
                    portfolio_id=portfolio_uuid(number),
                    trades=waiting.trades,
                    ended_count=waiting.ended_count,
                    ended=waiting.ended,
                )
                await self._teller.publish(f"user:{user_id}", EVENT, notice)

    def _filled(self, event: events.OrderFilled, rows: dict[int, int]) -> None:
        for portfolio_id, order_id, left in (
            (event.maker_portfolio_id, event.maker_order_id, event.maker_remaining_units),
            (event.taker_portfolio_id, event.taker_order_id, event.taker_remaining_units),
        ):
            waiting = self._of(portfolio_id)
            if waiting is not None:
                waiting.trades += 1
                if left == 0:
                    self._note(waiting, order_id, event.instrument_id, "fill", 0, rows)

    def _ended(
        self,
        event: events.OrderCancelled | events.OrderExpired,
        word: str,
        rows: dict[int, int],
    ) -> None:
        waiting = self._of(event.portfolio_id)
        if waiting is not None:
            self._note(waiting, event.order_id, event.instrument_id, word, event.reason, rows)

    def _of(self, portfolio_id: int) -> _Waiting | None:
        waiting = self._waiting.get(portfolio_id)
        if waiting is None and len(self._waiting) < PORTFOLIOS_MAX:
            waiting = self._waiting[portfolio_id] = _Waiting()
        return waiting

    def _note(
        self,
        waiting: _Waiting,
        order_id: int,
        instrument_id: int,
        word: str,
        reason: int,
        rows: dict[int, int],
    ) -> None:
        waiting.ended_count += 1
        if len(waiting.ended) < ORDERS_MAX:
            waiting.ended.append(
                EndedOrder(
                    order_id=order_uuid(rows.get(order_id, order_id)),
                    symbol=self._live.markets[instrument_id].instrument.symbol,
                    event=word,
                    reason=Reason(reason).name.lower() if reason else None,
                )
            )
