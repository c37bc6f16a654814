"""A slow, obvious order book: one list of orders, searched from end to end every time.

Price-time priority, icebergs, and every self-trade mode; nothing is clever here.
"""

from dataclasses import dataclass

BUY, SELL = 1, 2
ALLOW, CANCEL_NEWEST, CANCEL_OLDEST, CANCEL_BOTH, DECREMENT = 1, 2, 3, 4, 5
DAY, GTC, GTD, IOC, FOK = 1, 2, 3, 4, 5


@dataclass
class Resting:
    order_id: int
    account: int
    side: int
    price: int
    remaining: int
    display: int
    turn: int
    visible: int = 0

    def show(self):
        self.visible = min(self.remaining, self.display or self.remaining)


class ReferenceBook:
    """trades: (maker, taker, price, quantity) since the beginning."""

    def __init__(self):
        self.resting = []
        self.trades = []
        self.turn = 0

    def place(self, order_id, account, side, price, quantity, *, tif=GTC, display=0, mode=ALLOW):
        taker = Resting(order_id, account, side, price, quantity, display, 0)
        if tif == FOK and not self._can_fill(taker, mode):
            return
        while taker.remaining > 0:
            maker = self._best_against(taker)
            if maker is None:
                break
            if maker.account == account and mode != ALLOW:
                if self._prevent(taker, maker, mode):
                    return
                continue
            size = min(taker.remaining, maker.visible)
            self.trades.append((maker.order_id, order_id, maker.price, size))
            taker.remaining -= size
            maker.remaining -= size
            maker.visible -= size
            if maker.remaining == 0:
                self.resting.remove(maker)
            elif maker.visible == 0:
                maker.show()
                maker.turn = self._next_turn()
        if taker.remaining > 0 and tif == GTC:
            taker.turn = self._next_turn()
            taker.show()
            self.resting.append(taker)

    def cancel(self, order_id):
        self.resting = [one for one in self.resting if one.order_id != order_id]

    def replace(self, order_id, price, remaining):
        """What remains becomes this much at this price."""
        old = next(one for one in self.resting if one.order_id == order_id)
        if price == old.price and remaining <= old.remaining:
            old.remaining = remaining
            old.visible = min(old.visible, remaining)
            return None
        self.resting.remove(old)
        return old

    def levels(self, side):
        """(price, visible, units in all), best first."""
        prices = sorted({one.price for one in self.resting if one.side == side})
        found = []
        for price in reversed(prices) if side == BUY else prices:
            here = [one for one in self.resting if one.side == side and one.price == price]
            found.append(
                (price, sum(one.visible for one in here), sum(one.remaining for one in here))
            )
        return found

    def queue(self):
        """Ids of all resting orders in the sequence in which they would trade, bids first."""
        bids = sorted((o for o in self.resting if o.side == BUY), key=lambda o: (-o.price, o.turn))
        asks = sorted((o for o in self.resting if o.side == SELL), key=lambda o: (o.price, o.turn))
        return [one.order_id for one in bids + asks]

    def _next_turn(self):
        self.turn += 1
        return self.turn

    def _reachable(self, taker):
        if taker.side == BUY:
            mine = [o for o in self.resting if o.side == SELL and o.price <= taker.price]
            return sorted(mine, key=lambda o: (o.price, o.turn))
        mine = [o for o in self.resting if o.side == BUY and o.price >= taker.price]
        return sorted(mine, key=lambda o: (-o.price, o.turn))

    def _best_against(self, taker):
        found = self._reachable(taker)
        return found[0] if found else None

    def _prevent(self, taker, maker, mode):
        """True when the arriving order is at its end."""
        if mode == DECREMENT:
            size = min(taker.remaining, maker.remaining)
            taker.remaining -= size
            maker.remaining -= size
            maker.visible = min(maker.visible, maker.remaining)
            if maker.remaining == 0:
                self.resting.remove(maker)
            return taker.remaining == 0
        if mode in (CANCEL_OLDEST, CANCEL_BOTH):
            self.resting.remove(maker)
        return mode in (CANCEL_NEWEST, CANCEL_BOTH)

    def _can_fill(self, taker, mode):
        total = 0
        for maker in self._reachable(taker):
            if total >= taker.remaining:
                break
            if maker.account == taker.account and mode != ALLOW:
                if mode != CANCEL_OLDEST:
                    return False
                continue
            total += maker.remaining
        return total >= taker.remaining
