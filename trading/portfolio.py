"""Cash and positions of one portfolio: average cost and first-in-first-out lots side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from trading.exact import scaled_down
from trading.terms import Limits

if TYPE_CHECKING:
    from trading.live import Market, Order


@mypyc_attr(acyclic=True)
class Lot:
    """Units opened together and what they cost (of a short: brought in)."""

    def __init__(self, units: int, cost: int) -> None:
        self.units: int = units
        self.cost: int = cost
        self.next: Lot | None = None


class Position:
    """The units of one portfolio in one instrument; short when negative, never through zero.

    held: reserved by orders that reduce it. opening_long, opening_short: of working orders that
    would open or enlarge it. collateral: of the portfolio's held cash, what covers the short units.
    """

    def __init__(self, market: Market) -> None:
        self.market: Market = market
        self.units: int = 0
        self.pending_units: int = 0
        self.held: int = 0
        self.opening_long: int = 0
        self.opening_short: int = 0
        self.cost: int = 0
        self.realised: int = 0
        self.realised_fifo: int = 0
        self.collateral: int = 0
        self.first_lot: Lot | None = None
        self.last_lot: Lot | None = None
        self.is_dirty: bool = False

    def open_units(self, units: int, money: int) -> None:
        """Add units, negative ones to a short position, that cost (brought in) this money."""
        assert self.units * units >= 0, "a position went through zero"
        self.units += units
        self.cost += money
        self.add_lot(units, money)

    def add_lot(self, units: int, money: int) -> None:
        """Put a lot behind the others."""
        lot = Lot(units, money)
        last = self.last_lot
        if last is None:
            self.first_lot = lot
        else:
            last.next = lot
        self.last_lot = lot

    def close_units(self, quantity: int, money: int) -> int:
        """Take off this many units (their number, positive) for this money; gives their cost."""
        size = abs(self.units)
        assert 0 < quantity <= size, "a position went through zero"
        is_long = self.units > 0
        cost = scaled_down(self.cost, quantity, size)
        fifo = self.take_lots(quantity)
        self.cost -= cost
        if is_long:
            self.units -= quantity
            self.realised += money - cost
            self.realised_fifo += money - fifo
        else:
            self.units += quantity
            self.realised += cost - money
            self.realised_fifo += fifo - money
        return cost

    def take_lots(self, quantity: int) -> int:
        """Remove this many units from the oldest lots; gives what they cost."""
        cost = 0
        while quantity > 0:
            lot = self.first_lot
            assert lot is not None, "lots and units differ"
            size = abs(lot.units)
            if size <= quantity:
                cost += lot.cost
                quantity -= size
                self.first_lot = lot.next
                if lot.next is None:
                    self.last_lot = None
                continue
            part = scaled_down(lot.cost, quantity, size)
            cost += part
            lot.cost -= part
            lot.units -= quantity if lot.units > 0 else -quantity
            return cost
        return cost

    def split_units(self, numerator: int, denominator: int, paid: int) -> int:
        """Make new units of the old ones; gives what it realised.

        paid: for the units that make no whole new one; negative: what a short position pays.
        """
        size = abs(self.units)
        if size == 0:
            return 0
        sign = 1 if self.units > 0 else -1
        fraction = size * numerator % denominator
        new_size = size * numerator // denominator
        # The units that make up the fraction leave with their share of the cost.
        cost = self.cost * fraction // (size * numerator)
        gain = paid - sign * cost
        self.realised += gain
        self.realised_fifo += gain
        lots = self.lots()
        self.first_lot = None
        self.last_lot = None
        seen = 0
        placed = 0
        kept_cost = self.cost - cost
        for units, lot_cost in lots:
            seen += abs(units)
            end = new_size * seen // size
            share = lot_cost if seen < size else kept_cost
            kept_cost -= share
            if end > placed or share != 0:
                self.add_lot(sign * (end - placed), share)
            placed = end
        self.units = sign * new_size
        self.pending_units = self.pending_units * numerator // denominator
        self.cost -= cost
        return gain

    def lots(self) -> list[tuple[int, int]]:
        """(units, cost) of every lot, oldest first."""
        found: list[tuple[int, int]] = []
        lot = self.first_lot
        while lot is not None:
            found.append((lot.units, lot.cost))
            lot = lot.next
        return found


class OpenOrders:
    """The live orders of one portfolio, oldest first: each knows its neighbours, so that one joins
    and leaves without a look-up."""

    def __init__(self) -> None:
        self.count: int = 0
        self.first: Order | None = None
        self.last: Order | None = None

    def add(self, order: Order) -> None:
        """Put an order behind the others."""
        self.count += 1
        last = self.last
        if last is None:
            self.first = order
        else:
            last.after = order
            order.before = last
        self.last = order

    def remove(self, order: Order) -> None:
        """Take out an order that is among them."""
        self.count -= 1
        before, after = order.before, order.after
        if before is None:
            self.first = after
        else:
            before.after = after
        if after is None:
            self.last = before
        else:
            after.before = before
        order.before = None
        order.after = None

    def all(self) -> list[Order]:
        """The orders, oldest first; the list is the caller's."""
        found: list[Order] = []
        order = self.first
        while order is not None:
            found.append(order)
            order = order.after
        return found


class Portfolio:
    """Cash by trade date, what of it is held, and the positions; see `events.BalanceChanged`.

    pending_cash: the part of `cash` that settles with the next day.
    moved_today: cash and units that came in (went out) since the day began, at their value.
    """

    def __init__(self, portfolio_id: int, account_id: int) -> None:
        self.portfolio_id: int = portfolio_id
        self.account_id: int = account_id
        self.cash: int = 0
        self.held_cash: int = 0
        self.pending_cash: int = 0
        self.fees: int = 0
        self.realised: int = 0
        self.day_start_equity: int = 0
        self.moved_today: int = 0
        self.limits: Limits | None = None
        self.window: int = 0
        self.messages: int = 0
        self.recent: dict[tuple[int, ...], int] = {}
        self.positions: dict[int, Position] = {}
        self.orders: OpenOrders = OpenOrders()
        self.is_dirty: bool = False

    def available(self) -> int:
        """What new orders may reserve."""
        return self.cash - self.held_cash

    def withdrawable(self) -> int:
        """What may leave: free, and settled."""
        return min(self.cash - self.held_cash, self.cash - self.pending_cash)

    def equity(self) -> int:
        """Cash and positions at the last prices."""
        total = self.cash
        for position in self.positions.values():
            if position.units != 0:
                total += position.market.value_of(position.units)
        return total
