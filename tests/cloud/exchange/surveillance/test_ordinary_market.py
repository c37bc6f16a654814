"""An ordinary market raises no suspicion: makers, takers, noise and momentum for six minutes."""

import pytest

from simulators.market.anchors import anchors_of
from simulators.market.path import ReferencePath
from simulators.market.strategies import Kind, Strategy, strategy_of
from simulators.market.view import Cancel, OwnOrder, Place, View, Way, Wish
from tests.support.watched_market import BUY, MS, SELL, WatchedMarket
from trading import commands
from trading.events import OrderAccepted
from trading.orders import OrderType, TimeInForce
from trading.terms import NewOrder

KINDS = [Kind.MAKER, Kind.MAKER, Kind.NOISE, Kind.NOISE, Kind.TAKER, Kind.MOMENTUM]
LOOK_EVERY_MS = 100
MINUTES = 6
STEPS_PER_DAY = 14_400


class Crowd:
    """Simulated traders on the watched engine; portfolio n + 1 is trader n's."""

    def __init__(self, seed: int) -> None:
        self.market = WatchedMarket()
        self.minds: list[Strategy] = [
            strategy_of(kind, "IBM", seed * 100 + number) for number, kind in enumerate(KINDS)
        ]
        self.path = ReferencePath(
            anchors_of("IBM"), seed=f"{seed}/IBM", start_ticks=100_000, steps_per_day=STEPS_PER_DAY
        )
        self.placed_at_ms: dict[int, int] = {}
        self.now_ms = 0

    def run(self, minutes: int) -> None:
        for turn in range(minutes * 60_000 // LOOK_EVERY_MS):
            self.now_ms = turn * LOOK_EVERY_MS
            for number in range(len(KINDS)):
                # One after the other, as their messages come.
                self.market.wait(LOOK_EVERY_MS * MS // len(KINDS))
                for wish in self.minds[number].decide(self._view(number + 1)):
                    self._do(number + 1, wish)

    def _view(self, account: int) -> View:
        venue = self.market.engine.venue
        bids, asks = self.market.engine.depth(1, 1)
        own = tuple(
            OwnOrder(
                str(order.order_id),
                Way.BUY if order.is_buy else Way.SELL,
                order.price,
                order.remaining,
                self.placed_at_ms[order.order_id],
            )
            for order in venue.orders.values()
            if order.account_id == account
        )
        position = venue.portfolios[account].positions[1]
        return View(
            at_ms=self.now_ms,
            reference_ticks=self.path.price_ticks(self.now_ms // 500),
            bid_ticks=bids[0].price_ticks if bids else 0,
            ask_ticks=asks[0].price_ticks if asks else 0,
            last_ticks=venue.markets[1].last_ticks,
            step_ticks=10,
            position_units=position.units - (10**8 - 5_000),
            orders=own,
        )

    def _do(self, account: int, wish: Wish) -> None:
        if isinstance(wish, Cancel):
            self.market.cancel(account, int(wish.tag))
            return
        assert isinstance(wish, Place)
        order = NewOrder(
            account,
            1,
            BUY if wish.way is Way.BUY else SELL,
            OrderType.LIMIT if wish.price_ticks else OrderType.MARKET,
            TimeInForce[wish.lasts.upper()],
            wish.units,
            wish.price_ticks,
        )
        for event in self.market.apply(commands.PlaceOrder, order):
            if isinstance(event, OrderAccepted):
                self.placed_at_ms[event.order_id] = self.now_ms


@pytest.mark.parametrize("seed", [1, 2])
def test_ordinary_trading_raises_no_suspicion(seed: int) -> None:
    crowd = Crowd(seed)
    crowd.run(MINUTES)
    assert crowd.market.engine.venue.next_trade_id > 100, "nobody traded"
    assert crowd.market.found == []
