"""The fast book and the slow, obvious one do the same on random orders, whatever the prices."""

import random

import pytest

from tests.trading.reference_book import ReferenceBook
from tests.trading.venue_rig import Rig
from trading import commands
from trading.orders import FOK, GTC, IOC
from trading.reasons import Reason

NARROW = (95, 105)
WIDE = (1, 10**12)


def prices(draw, low, high):
    if high - low < 1000:
        return draw.randint(low, high)
    # Clusters far apart, at the ends and around powers of ten: every tier of the ladder.
    centre = 10 ** draw.randint(0, 12)
    return min(max(low, centre + draw.randint(-20_000, 20_000)), high)


def agree(rig, reference, seen):
    assert rig.fills(seen) == reference.trades
    reference.trades.clear()
    market = rig.engine.venue.markets[1]
    for side, half in ((1, market.bids), (2, market.asks)):
        mine = [(one.price, one.visible, one.quantity) for one in half.levels()]
        assert mine == reference.levels(side)
    ids = [one.order_id for one in market.bids.orders() + market.asks.orders()]
    assert ids == reference.queue()


def run(seed, commands_count, span, check_every):
    draw = random.Random(seed)
    rig = Rig(cash=10**30 // 10**13, units=10**9, portfolios=3)
    # Deposits have a largest amount; these portfolios must never run dry.
    for number in (1, 2, 3):
        rig.portfolio(number).cash += 10**40
        rig.engine.venue.external_cash += 10**40
    reference = ReferenceBook()
    next_id = rig.engine.venue.next_order_id
    seen = len(rig.events)
    for count in range(commands_count):
        live = list(rig.engine.venue.orders)
        action = draw.random()
        if live and action < 0.2:
            order_id = draw.choice(live)
            owner = rig.live(order_id).portfolio.portfolio_id
            rig.do(commands.CancelOrder, order_id, owner)
            reference.cancel(order_id)
        elif live and action < 0.35:
            replace_one(rig, reference, draw, draw.choice(live), span)
        else:
            account, side = draw.randint(1, 3), draw.randint(1, 2)
            price, quantity = prices(draw, *span), draw.randint(1, 50)
            tif = draw.choice((GTC, GTC, GTC, GTC, IOC, FOK))
            display = draw.choice((0, 0, 0, draw.randint(1, quantity))) if tif == GTC else 0
            mode = draw.randint(1, 5)
            fields = {"display_units": display, "self_trade": mode, "tif": tif}
            assert rig.order(account, side, quantity, price, **fields) == next_id
            reference.place(
                next_id, account, side, price, quantity, tif=tif, display=display, mode=mode
            )
            next_id += 1
        if count % check_every == 0:
            agree(rig, reference, seen)
            seen = len(rig.events)
            rig.check()
    agree(rig, reference, seen)
    return rig


def replace_one(rig, reference, draw, order_id, span):
    order = rig.live(order_id)
    price = draw.choice((order.price, prices(draw, *span)))
    left = max(1, order.remaining + draw.randint(-10, 5))
    mode = order.terms.self_trade
    owner = order.portfolio.portfolio_id
    display = order.display
    quantity = order.filled() + left
    found = rig.do(commands.ReplaceOrder, order_id, owner, quantity, price)
    if any(type(event).__name__ == "CommandRefused" for event in found):
        assert found[0].reason in (Reason.NOTHING_TO_REPLACE, Reason.DISPLAY_INVALID)
        return
    old = reference.replace(order_id, price, left)
    if old is not None:
        reference.place(order_id, old.account, old.side, price, left, display=display, mode=mode)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("span", [NARROW, WIDE], ids=["narrow", "wide"])
def test_trades_queues_and_levels_are_those_of_the_reference(seed, span):
    run(seed, 700, span, check_every=7)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_commands_agree_with_the_reference():
    for seed in range(100, 150):
        run(seed, 20_000, NARROW, check_every=500)
