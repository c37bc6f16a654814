"""The engine and the slow, obvious venue do the same: stops, groups, auctions, kill switch."""

import random

import pytest

from tests.trading.reference_venue import WORKING, ReferenceVenue, order
from tests.trading.venue_rig import Rig
from trading import commands
from trading.instruments import CLOSED, CONTINUOUS, VOLATILITY_CALL
from trading.orders import (
    BRACKET,
    BUY,
    DAY,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    OCO,
    SELL,
    STOP_LIMIT,
)
from trading.reasons import Reason
from trading.terms import NewOrder

LOW, HIGH = 95, 105
PROTECTION_BPS = 300
ACCOUNTS = (1, 2, 3)
RICH = 10**40


class Pair:
    """The same random day at both venues."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.rig = Rig(units=10**9, portfolios=3, protection_bps=PROTECTION_BPS)
        for number in ACCOUNTS:
            self.rig.portfolio(number).cash += RICH
            self.rig.engine.venue.external_cash += RICH
        self.reference = ReferenceVenue(last=100)
        self.seen = len(self.rig.events)
        self.refused = 0

    def step(self):
        draw = self.draw
        live = self.reference.live
        action = draw.random()
        if action < 0.42:
            self.place(self.plain())
        elif action < 0.5:
            self.place(self.market())
        elif action < 0.62:
            self.place(self.stop())
        elif action < 0.68:
            self.group(OCO)
        elif action < 0.76:
            self.group(BRACKET)
        elif action < 0.84 and live:
            order_id = draw.choice(sorted(live))
            self.rig.do(commands.CancelOrder, order_id, live[order_id].account)
            self.reference.cancel(order_id)
        elif action < 0.88:
            self.replace()
        elif action < 0.93:
            self.change_end()
        elif action < 0.945:
            self.rig.at_ns += draw.randint(1, 20)
            self.rig.do(commands.AdvanceTime)
            self.reference.now(self.rig.at_ns)
        elif action < 0.97:
            self.turn_phase()
        elif action < 0.985:
            account = draw.choice(ACCOUNTS)
            self.rig.do(commands.MassCancel, account)
            self.reference.cancel_account(account)
        else:
            self.switch(draw.choice(ACCOUNTS), draw.random() < 0.2)

    def next_id(self):
        return self.rig.engine.venue.next_order_id

    def plain(self, offset=0, **fixed):
        draw = self.draw
        quantity = fixed.get("quantity") or draw.randint(1, 50)
        tif = fixed.get("tif") or draw.choice((DAY, GTC, GTC, GTD, IOC, FOK))
        made = order(
            self.next_id() + offset,
            fixed.get("account") or draw.choice(ACCOUNTS),
            fixed.get("side") or draw.choice((BUY, SELL)),
            fixed.get("price") or draw.randint(LOW, HIGH),
            quantity,
            tif=tif,
            display=draw.choice((0, 0, 0, draw.randint(1, quantity)))
            if tif not in (IOC, FOK)
            else 0,
            mode=draw.randint(1, 5),
        )
        made.until = self.soon() if tif == GTD else 0
        return made

    def soon(self):
        return self.rig.at_ns + self.draw.randint(1, 30)

    def market(self):
        """Nearly as far reaching as the limits, so that some trade and some do not."""
        last = self.reference.last
        made = self.plain(tif=self.draw.choice((DAY, GTC, GTC, IOC, FOK)))
        made.is_limit, made.display = False, 0
        if made.side == BUY:
            made.price = max(last * (10_000 + PROTECTION_BPS) // 10_000, last)
        else:
            made.price = max(-(-last * (10_000 - PROTECTION_BPS) // 10_000), 1)
        return made

    def stop(self, offset=0, **fixed):
        made = self.plain(offset, tif=GTC, **fixed)
        made.display = 0
        made.stop = fixed.get("stop") or self.draw.randint(LOW, HIGH)
        return made

    def group(self, kind):
        draw = self.draw
        account, quantity = draw.choice(ACCOUNTS), draw.randint(1, 50)
        side = draw.choice((BUY, SELL))
        exits = side if kind == OCO else 3 - side
        near, far = draw.randint(LOW, 99), draw.randint(101, HIGH)
        profit, loss = (far, near) if exits == SELL else (near, far)
        same = {"account": account, "quantity": quantity, "tif": GTC}
        parents = [] if kind == OCO else [self.plain(side=side, **same)]
        legs = [
            self.plain(len(parents), side=exits, price=profit, **same),
            self.stop(len(parents) + 1, side=exits, stop=loss, account=account, quantity=quantity),
        ]
        orders = [*parents, *legs]
        before = self.next_id()
        self.rig.do(commands.PlaceGroup, kind, tuple(wish(one) for one in orders))
        assert (self.next_id() == before) == self.reference.refuses(orders[0])
        if self.next_id() == before:
            self.refused += 1
        elif kind == OCO:
            self.reference.enter_oco(*orders)
        else:
            self.reference.enter_bracket(*orders)

    def place(self, one):
        before = self.next_id()
        self.rig.do(commands.PlaceOrder, wish(one))
        assert (self.next_id() == before) == self.reference.refuses(one)
        if self.next_id() == before:
            self.refused += 1
        else:
            self.reference.enter(one)

    def replace(self):
        plain = [
            one
            for _, one in sorted(self.reference.live.items())
            if one.state == WORKING
            and one.is_limit
            and not one.stop
            and not one.sibling
            and not one.children
        ]
        if not plain:
            return
        one = self.draw.choice(plain)
        price = self.draw.choice((one.price, self.draw.randint(LOW, HIGH)))
        left = max(1, one.remaining + self.draw.randint(-10, 5))
        filled = self.rig.live(one.order_id).filled()
        tif = self.draw.choice((0, 0, DAY, GTC))
        sizes = (filled + left, price)
        found = self.rig.do(
            commands.ReplaceOrder, one.order_id, one.account, *sizes, time_in_force=tif
        )
        if type(found[0]).__name__ == "CommandRefused":
            self.refused += 1
        else:
            if tif:
                self.reference.lasts(one.order_id, tif, 0)
            self.reference.change(one.order_id, price, left)

    def change_end(self):
        """Of any order that is not in a group: resting, waiting for a price, or for an auction."""
        alone = [
            one
            for _, one in sorted(self.reference.live.items())
            if self.rig.live(one.order_id).group is None
        ]
        if not alone:
            return
        one = self.draw.choice(alone)
        tif = self.draw.choice((DAY, DAY, GTC, GTD, GTD, self.draw.choice((IOC, FOK))))
        until = self.soon() if tif == GTD else 0
        ends = {"time_in_force": tif, "expires_at_ns": until}
        found = self.rig.do(commands.ReplaceOrder, one.order_id, one.account, **ends)
        is_refused = tif in (IOC, FOK) or (tif == GTD and not one.is_limit)
        is_refused |= one.account in self.reference.killed
        if (tif, until) == (one.tif, one.until):
            return
        assert (type(found[0]).__name__ == "CommandRefused") == is_refused, found
        if not is_refused:
            self.reference.lasts(one.order_id, tif, until)

    def turn_phase(self):
        if self.reference.is_call:
            self.rig.do(commands.SetPhase, 1, CONTINUOUS)
            self.reference.auction()
        elif self.draw.random() < 0.5:
            self.rig.do(commands.SetPhase, 1, CLOSED)
            self.reference.close()
        else:
            self.rig.do(commands.SetPhase, 1, VOLATILITY_CALL)
            self.reference.call()

    def switch(self, account, is_on):
        self.rig.do(commands.SetKillSwitch, account, is_on)
        if is_on:
            self.reference.killed.add(account)
            self.reference.cancel_account(account)
        else:
            self.reference.killed.discard(account)

    def agree(self):
        rig, reference = self.rig, self.reference
        assert rig.fills(self.seen) == reference.trades
        reference.trades.clear()
        self.seen = len(rig.events)
        orders = rig.engine.venue.orders
        assert {number: one.remaining for number, one in orders.items()} == {
            number: one.remaining for number, one in reference.live.items()
        }
        market = rig.engine.venue.markets[1]
        for side, half in ((BUY, market.bids), (SELL, market.asks)):
            mine = [(one.price, one.visible, one.quantity) for one in half.levels()]
            assert mine == reference.levels(side)
        ids = [one.order_id for one in market.bids.orders() + market.asks.orders()]
        assert ids == reference.queue()
        assert market.last_ticks == reference.last


def wish(one):
    """The order as the engine is asked for it."""
    return NewOrder(
        one.account,
        1,
        one.side,
        STOP_LIMIT if one.stop else LIMIT if one.is_limit else MARKET,
        one.tif,
        one.remaining,
        price_ticks=one.price if one.is_limit else 0,
        stop_ticks=one.stop,
        display_units=one.display,
        expires_at_ns=one.until,
        self_trade=one.mode,
    )


def run(seed, count, check_every):
    pair = Pair(seed)
    for number in range(count):
        pair.step()
        if number % check_every == 0:
            pair.agree()
            pair.rig.check()
    pair.agree()
    pair.rig.check()
    return pair


@pytest.mark.parametrize("seed", range(8))
def test_trades_orders_and_books_are_those_of_the_reference(seed):
    pair = run(seed, 800, check_every=1)
    kinds = {type(event).__name__ for event in pair.rig.events}
    assert {"AuctionHeld", "OrderTriggered", "OrderActivated", "OrderReduced"} <= kinds
    reasons = {event.reason for event in pair.rig.events if type(event).__name__ == "OrderExpired"}
    assert reasons == {Reason.DAY_ENDED, Reason.TIME_REACHED}
    assert pair.refused > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_million_commands_agree_with_the_reference_venue():
    for seed in range(1000, 1050):
        run(seed, 20_000, check_every=50)
