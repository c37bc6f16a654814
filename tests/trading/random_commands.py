"""A seeded stream of commands of every kind, sensible and senseless mixed."""

import random

from trading import commands
from trading.instruments import (
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    VOLATILITY_CALL,
    Instrument,
)
from trading.order_events import OrderAccepted
from trading.terms import Limits, NewOrder

PORTFOLIOS = 6
INSTRUMENTS = 3
MARKETS = [
    Instrument(1, "AAA", 100),
    Instrument(
        2,
        "BBB",
        1000,
        ((0, 1), (1000, 5)),
        lot_units=10,
        money_multiplier=7,
        money_divisor=3,
        maker_fee_rate=-150,
        taker_fee_rate=3000,
        settle_days=1,
        band_bps=2000,
        volatility_bps=300,
        is_shortable=True,
    ),
    Instrument(3, "CCC", 50, maker_fee_rate=1000, taker_fee_rate=2500, is_shortable=True),
]
LIMITS = [
    Limits(),
    Limits(may_short=1),
    Limits(may_short=1, short_margin_bps=20_000, max_position_units=500),
    Limits(max_order_units=200, max_order_notional=100_000, collar_bps=500),
    Limits(max_daily_loss=20_000, max_messages=50, duplicate_ns=10),
    Limits(may_short=1, max_open_orders=20),
]


class Stream:
    """`next()` gives one command after the other; the same seed gives the same ones."""

    def __init__(self, seed, *, settled=True):
        self.draw = random.Random(seed)
        self.sequence = 0
        self.at_ns = 1_000
        self.day = 0
        self.known = [(1, 1)]
        self.first = self._opening() if settled else iter(())

    def next(self):
        self.sequence += 1
        self.at_ns += self.draw.choice((0, 1, 5, 1_000_000))
        for kind, arguments in self.first:
            return kind(self.sequence, self.at_ns, *arguments)
        kind, arguments = self._any()
        return kind(self.sequence, self.at_ns, *arguments)

    def observe(self, found):
        """Remember what was accepted, so that later commands can mean it."""
        for event in found:
            if isinstance(event, OrderAccepted):
                self.known.append((event.order_id, event.portfolio_id))

    def _opening(self):
        for one in MARKETS:
            yield commands.ListInstrument, (one,)
        for number in range(1, PORTFOLIOS + 1):
            # Two portfolios an account: self-trades happen.
            yield commands.OpenPortfolio, (number, (number + 1) // 2)
            yield commands.SetLimits, (number, LIMITS[number - 1])
            yield commands.Deposit, (number, 500_000)
            for one in MARKETS[: number % 4]:
                yield commands.DepositUnits, (number, one.instrument_id, 1000, 90_000)
        yield commands.SetPhase, (0, CONTINUOUS)

    def _any(self):
        draw = self.draw
        if draw.random() < 0.6:
            return commands.PlaceOrder, (self._order(),)
        order, portfolio = draw.choice(self.known[-60:])
        if draw.random() < 0.1:
            order, portfolio = order + draw.randint(0, 90), draw.randint(0, PORTFOLIOS + 1)
        instrument = draw.randint(0, INSTRUMENTS)
        amount = draw.choice((0, 1, 777, 50_000, 10**6))
        choices = [
            (14, commands.CancelOrder, (order, draw.choice((0, 0, portfolio)))),
            (14, commands.ReplaceOrder, self._replace(order, portfolio)),
            (8, commands.PlaceGroup, self._group()),
            (4, commands.SetPhase, self._phase(instrument)),
            (1, commands.SetBands, (instrument, draw.randint(0, 90), draw.randint(0, 2000))),
            (1, commands.MassCancel, (draw.randint(0, 3), portfolio, instrument)),
            (1, commands.SetKillSwitch, (draw.randint(1, 3), draw.random() < 0.15)),
            (1, commands.Deposit, (portfolio, amount)),
            (1, commands.DepositUnits, (portfolio, instrument, amount % 1000, amount)),
            (1, commands.ReserveWithdrawal, (portfolio, amount, draw.randint(1, 5))),
            (1, commands.EndWithdrawal, (draw.randint(1, 5), draw.random() < 0.5)),
            (1, commands.TransferCash, (portfolio, draw.randint(1, 6), amount)),
            (1, commands.TransferUnits, (portfolio, draw.randint(0, 6), instrument, amount % 99)),
            (1, commands.AdvanceDay, self._next_day()),
            (1, commands.AdvanceTime, ()),
        ]
        if draw.random() < 0.02:
            choices.append((20, commands.SplitInstrument, (instrument, *self._ratio())))
            choices.append((20, commands.PayDividend, (instrument, 7, 3)))
        weights = [weight for weight, _, _ in choices]
        _, kind, arguments = draw.choices(choices, weights)[0]
        return kind, arguments

    def _next_day(self):
        self.day += self.draw.choice((0, 1, 1))
        return (self.day,)

    def _ratio(self):
        return self.draw.choice(((2, 1), (1, 2), (3, 2), (1, 7), (1, 1), (0, 1)))

    def _phase(self, instrument):
        draw = self.draw
        wanted = (CLOSED, OPENING_CALL, VOLATILITY_CALL, CLOSING_CALL, HALTED, 9)
        return (instrument, CONTINUOUS if draw.random() < 0.6 else draw.choice(wanted))

    def _price(self, instrument):
        middle = {1: 100, 2: 1000, 3: 50}[instrument]
        price = max(1, middle + self.draw.randint(-8, 8) * (5 if instrument == 2 else 1))
        return price if self.draw.random() < 0.98 else self.draw.choice((-1, 0, 10**40, price * 3))

    def _order(self, side=0, instrument=0, portfolio=0, quantity=0, kind=0):
        draw = self.draw
        instrument = instrument or draw.randint(1, INSTRUMENTS)
        kind = kind or draw.choice((1, 2, 2, 2, 2, 2, 3, 4, 5))
        quantity = quantity or draw.randint(1, 12) * (10 if instrument == 2 else 1)
        is_plain = draw.random() < 0.8
        tif = draw.choice((1, 2)) if is_plain else draw.randint(1, 7)
        trail = draw.random() < 0.5
        side = side or draw.randint(1, 2)
        return NewOrder(
            portfolio or draw.randint(1, PORTFOLIOS),
            instrument,
            side,
            kind,
            tif,
            quantity if draw.random() < 0.99 else draw.choice((-1, 0, 10**40, 3)),
            price_ticks=self._price(instrument) if kind in (2, 4) else 0,
            stop_ticks=self._price(instrument) if kind in (3, 4) else 0,
            trail_ticks=draw.randint(1, 5) * 5 if kind == 5 and trail else 0,
            trail_bps=draw.randint(1, 900) if kind == 5 and not trail else 0,
            display_units=quantity // 2 if draw.random() < 0.15 else 0,
            expires_at_ns=self.at_ns + draw.randint(1, 10**8) if tif == 3 else 0,
            self_trade=draw.randint(1, 5),
            is_post_only=draw.random() < 0.05,
            is_reduce_only=draw.random() < 0.05,
            is_short=side == 2 and draw.random() < 0.5,
        )

    def _replace(self, order, portfolio):
        draw = self.draw
        price = draw.choice((0, self._price(draw.randint(1, INSTRUMENTS))))
        stop = draw.choice((0, 0, self._price(draw.randint(1, INSTRUMENTS))))
        quantity = draw.choice((0, draw.randint(1, 14), 10 * draw.randint(1, 14)))
        trail = draw.choice((0, 0, 0, 5, 10))
        display = draw.choice((0, 0, 1, 10))
        if draw.random() < 0.3:
            # How long it lasts, and nothing else.
            quantity = price = stop = trail = display = 0
        tif = draw.choice((0, 0, 0, 1, 1, 1, 2, 3, draw.randint(0, 8)))
        is_timed = tif == 3 or draw.random() < 0.02
        until = self.at_ns + draw.randint(0, 10**8) if is_timed else 0
        return (order, portfolio, quantity, price, stop, trail, 0, display, tif, until)

    def _group(self):
        draw = self.draw
        kind = draw.randint(1, 3)
        instrument = draw.randint(1, INSTRUMENTS)
        portfolio = draw.randint(1, PORTFOLIOS)
        quantity = draw.randint(1, 9) * (10 if instrument == 2 else 1)
        side = draw.randint(1, 2)
        first = draw.choice((1, 2, 2))
        other = side if kind == 1 else 3 - side
        loss = draw.choice((3, 4, 5))
        exits = [
            self._order(other, instrument, portfolio, quantity, 2),
            self._order(other, instrument, portfolio, quantity, loss),
        ]
        if kind == 1:
            return (1, tuple(exits))
        parent = self._order(side, instrument, portfolio, quantity, first)
        return (kind, (parent, *(exits if kind == 3 else exits[1:])))
