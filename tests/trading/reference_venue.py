"""A slow, obvious venue around the slow, obvious book.

It knows market orders, stops, OCO and bracket, calls with their auctions, the end of a day and of
an order's time, and the kill switch.

One instrument, every account rich. Lists are searched from end to end every time; nothing is kept
that could be found again.
"""

from dataclasses import dataclass, field

from tests.trading.reference_book import (
    ALLOW,
    BUY,
    CANCEL_BOTH,
    CANCEL_NEWEST,
    CANCEL_OLDEST,
    DAY,
    DECREMENT,
    FOK,
    GTC,
    GTD,
    IOC,
    SELL,
    ReferenceBook,
    Resting,
)

HELD, WAITING, WORKING = "held", "waiting", "working"


@dataclass(eq=False)
class Order(Resting):
    """stop: 0 for a plain limit order. children: what the end of this order lets go.

    is_limit: False for a market order, whose price is its protection.
    until: when a GTD order ends.
    """

    mode: int = ALLOW
    tif: int = GTC
    until: int = 0
    stop: int = 0
    is_limit: bool = True
    state: str = WORKING
    filled: int = 0
    is_elected: bool = False
    sibling: "Order | None" = None
    children: list["Order"] = field(default_factory=list)


def order(order_id, account, side, price, quantity, *, tif=GTC, display=0, mode=ALLOW, stop=0):
    """A wish, not yet at the venue."""
    return Order(
        order_id, account, side, price, quantity, display, 0, mode=mode, tif=tif, stop=stop
    )


class ReferenceVenue(ReferenceBook):
    """live: every order that has not ended, by id."""

    def __init__(self, last):
        super().__init__()
        self.live = {}
        self.last = last
        self.is_call = False
        self.killed = set()
        self.elected = []
        self.ended_parents = []

    def refuses(self, one):
        """Whether such an order is turned away now."""
        return one.account in self.killed or (self.is_call and one.tif in (IOC, FOK))

    def enter(self, one):
        self.live[one.order_id] = one
        self._start(one)
        self._work_off()

    def enter_oco(self, limit, stop):
        self.live |= {limit.order_id: limit, stop.order_id: stop}
        limit.sibling, stop.sibling = stop, limit
        self._start(stop)
        self._start(limit)
        self._work_off()

    def enter_bracket(self, parent, profit, loss):
        self.live |= {one.order_id: one for one in (parent, profit, loss)}
        parent.children = [profit, loss]
        profit.state = loss.state = HELD
        self._start(parent)
        self._work_off()

    def cancel(self, order_id):
        if order_id in self.live:
            self._end(self.live[order_id])
        self._work_off()

    def cancel_account(self, account):
        for order_id in sorted(self.live):
            one = self.live.get(order_id)
            if one is not None and one.account == account:
                self._end(one)
        self._work_off()

    def lasts(self, order_id, tif, until):
        """Another time in force, and nothing else: nobody in the book sees it."""
        one = self.live[order_id]
        one.tif, one.until = tif, until

    def now(self, at_ns):
        """Time passes."""
        due = [one for one in self.live.values() if one.tif == GTD and one.until <= at_ns]
        for one in sorted(due, key=lambda o: (o.until, o.order_id)):
            self._end(one)
        self._work_off()

    def close(self):
        """The day ends without an auction; what comes now is collected for the next opening."""
        self.is_call = True
        for order_id in sorted(self.live):
            one = self.live.get(order_id)
            if one is not None and one.tif == DAY:
                self._end(one)
        self._work_off()

    def change(self, order_id, price, left):
        """What remains of a plain order in the book becomes this much at this price."""
        one = self.live[order_id]
        if price == one.price and left <= one.remaining:
            one.remaining, one.visible = left, min(one.visible, left)
            return
        self.resting.remove(one)
        one.price, one.remaining = price, left
        self._arrive(one)
        self._work_off()

    def call(self):
        self.is_call = True

    def auction(self):
        """Everybody trades at one price; then the market is continuous again."""
        price, volume = self._clearing()
        while volume > 0:
            bid = next(o for o in self._sorted(BUY) if o.remaining)
            ask = next(o for o in self._sorted(SELL) if o.remaining)
            size = min(volume, bid.remaining, ask.remaining)
            volume -= size
            maker, taker = sorted((bid, ask), key=lambda o: o.order_id)
            self.trades.append((maker.order_id, taker.order_id, price, size))
            for one in (maker, taker):
                one.remaining -= size
                one.visible = min(one.visible, one.remaining)
            for one in (maker, taker):
                self._after_fill(one, size)
            self.last = price
        for one in [o for o in self._sorted(BUY) + self._sorted(SELL) if not o.is_limit]:
            self._end(one)
        self.is_call = False
        self._elect(self.last)
        self._work_off()

    def _sorted(self, side):
        sign = -1 if side == BUY else 1
        return sorted(
            (o for o in self.resting if o.side == side), key=lambda o: (sign * o.price, o.turn)
        )

    def _clearing(self):
        """The published rule, one sentence after the other."""
        at = {price: self._at(price) for price in {o.price for o in self.resting if o.is_limit}}
        ours = self._at(self.last)
        best = max((volume for volume, _ in at.values()), default=0)
        at = {price: one for price, one in at.items() if one[0] == best}
        least = min((abs(surplus) for _, surplus in at.values()), default=0)
        at = {price: one for price, one in at.items() if abs(one[1]) == least}
        if ours[0] > best or (ours[0] == best > 0 and abs(ours[1]) < least):
            return self.last, ours[0]
        if best == 0:
            return 0, 0
        if all(surplus > 0 for _, surplus in at.values()):
            return max(at), best
        if all(surplus < 0 for _, surplus in at.values()):
            return min(at), best
        return sorted((min(at), self.last, max(at)))[1], best

    def _at(self, price):
        """(units that trade, units that buyers would still take) at a price."""
        demand = sum(o.remaining for o in self.resting if o.side == BUY and o.price >= price)
        supply = sum(o.remaining for o in self.resting if o.side == SELL and o.price <= price)
        return min(demand, supply), demand - supply

    def _start(self, one):
        if one.stop == 0:
            self._arrive(one)
            return
        one.state = WAITING
        if not self.is_call and self._is_reached(one, self.last):
            one.is_elected = True
            self.elected.append(one)

    def _arrive(self, taker):
        taker.state = WORKING
        if self.is_call:
            self._rest(taker)
            return
        if taker.tif == FOK and not self._can_fill(taker, taker.mode):
            self._end(taker)
            return
        prices = []
        while taker.remaining > 0 and (maker := self._best_against(taker)) is not None:
            if maker.account == taker.account and taker.mode != ALLOW:
                if self._prevented(taker, maker):
                    break
                continue
            size = min(taker.remaining, maker.visible)
            self.trades.append((maker.order_id, taker.order_id, maker.price, size))
            prices.append(maker.price)
            taker.remaining -= size
            maker.remaining -= size
            maker.visible -= size
            if maker.remaining > 0 and maker.visible == 0:
                maker.show()
                maker.turn = self._next_turn()
            self._after_fill(maker, size)
            self._after_fill(taker, size)
        for price in prices:
            self.last = price
            self._elect(price)
        if taker.order_id in self.live:
            may_rest = taker.tif in (DAY, GTC, GTD) and taker.is_limit
            self._rest(taker) if may_rest else self._end(taker)

    def _rest(self, one):
        one.turn = self._next_turn()
        one.show()
        self.resting.append(one)

    def _prevented(self, taker, maker):
        """Act on a self-trade; True when the arriving order is at its end."""
        if taker.mode == DECREMENT:
            size = min(taker.remaining, maker.remaining)
            for one in (maker, taker):
                one.remaining -= size
                one.visible = min(one.visible, one.remaining)
                if one.remaining == 0:
                    self._end(one)
        if taker.mode in (CANCEL_OLDEST, CANCEL_BOTH):
            self._end(maker)
        if taker.mode in (CANCEL_NEWEST, CANCEL_BOTH):
            self._end(taker)
        return taker.order_id not in self.live

    def _after_fill(self, one, size):
        one.filled += size
        if one.remaining == 0:
            self._end(one)
        elif one.sibling is not None:
            one.sibling.remaining -= size

    def _end(self, one):
        if self.live.pop(one.order_id, None) is None:
            return
        if one in self.resting:
            self.resting.remove(one)
        if one.children:
            self.ended_parents.append(one)
        sibling, one.sibling = one.sibling, None
        if sibling is not None:
            sibling.sibling = None
            self._end(sibling)

    def _let_go(self, parent):
        legs = [leg for leg in parent.children if leg.order_id in self.live]
        if parent.filled == 0:
            for leg in legs:
                self._end(leg)
            return
        for leg in legs:
            leg.remaining, leg.state = parent.filled, WORKING
        if len(legs) == 2:
            legs[0].sibling, legs[1].sibling = legs[1], legs[0]
        for leg in reversed(legs):
            if leg.order_id in self.live:
                self._start(leg)

    def _is_reached(self, one, price):
        return price >= one.stop if one.side == BUY else price <= one.stop

    def _elect(self, price):
        found = [
            one
            for one in self.live.values()
            if one.state == WAITING and not one.is_elected and self._is_reached(one, price)
        ]
        found.sort(key=lambda o: (o.side, o.stop if o.side == BUY else -o.stop, o.order_id))
        for one in found:
            one.is_elected = True
            self.elected.append(one)

    def _work_off(self):
        while self.ended_parents or self.elected:
            if self.ended_parents:
                self._let_go(self.ended_parents.pop(0))
                continue
            one = self.elected.pop(0)
            if one.order_id in self.live and one.state == WAITING:
                sibling, one.sibling = one.sibling, None
                if sibling is not None:
                    sibling.sibling = None
                    self._end(sibling)
                self._arrive(one)
