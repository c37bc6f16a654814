"""A venue in a test: commands without ceremony, and the invariants that hold after every one."""

from trading import commands
from trading.engine import Engine
from trading.events import OrderAccepted, OrderRejected
from trading.instruments import CONTINUOUS, Instrument
from trading.live import CLOSE_LONG, CLOSE_SHORT, OPEN_LONG, OPEN_SHORT
from trading.orders import BUY, DAY, GTC, LIMIT, SELL
from trading.reservations import cash_needed
from trading.terms import NewOrder

SECOND_NS = 1_000_000_000
RICH = 10**9


class Rig:
    """One engine; instrument 1 (reference 100) trades, portfolios 1 to 4 have cash and units."""

    def __init__(self, phase=CONTINUOUS, portfolios=4, cash=RICH, units=10_000, **instrument):
        self.engine = Engine()
        self.journal = []
        self.events = []
        self.at_ns = SECOND_NS
        self.external_units = {}
        self.list_instrument(**instrument)
        for number in range(1, portfolios + 1):
            self.do(commands.OpenPortfolio, number, number)
            if cash:
                self.do(commands.Deposit, number, cash)
            if units:
                self.do(commands.DepositUnits, number, 1, units, units * 100)
        if phase != 1:
            self.do(commands.SetPhase, 1, phase)

    def list_instrument(self, instrument_id=1, reference_ticks=100, **fields):
        one = Instrument(instrument_id, f"S{instrument_id}", reference_ticks, **fields)
        return self.do(commands.ListInstrument, one)

    def do(self, kind, *arguments, **named):
        """Apply a command at the present time; gives its events."""
        command = kind(len(self.journal) + 1, self.at_ns, *arguments, **named)
        self.journal.append(command)
        found = self.engine.apply(command)
        self.events += found
        return found

    def place(self, portfolio, side, quantity, price=0, kind=LIMIT, tif=GTC, **fields):
        """Place an order on instrument 1 (or `instrument`); gives the events."""
        instrument = fields.pop("instrument", 1)
        terms = NewOrder(
            portfolio, instrument, side, kind, tif, quantity, price_ticks=price, **fields
        )
        return self.do(commands.PlaceOrder, terms)

    def order(self, *arguments, **fields):
        """Place an order that is accepted; gives its id."""
        found = self.place(*arguments, **fields)
        accepted = [event for event in found if isinstance(event, OrderAccepted)]
        assert accepted, found
        return accepted[0].order_id

    def refusal(self, *arguments, **fields):
        """Place an order that is refused; gives the reason."""
        found = self.place(*arguments, **fields)
        rejected = [event for event in found if isinstance(event, OrderRejected)]
        assert rejected, found
        return rejected[0].reason

    def buy(self, portfolio, quantity, price=0, **fields):
        return self.order(portfolio, BUY, quantity, price, **fields)

    def sell(self, portfolio, quantity, price=0, **fields):
        return self.order(portfolio, SELL, quantity, price, **fields)

    def fills(self, since=0):
        """(maker, taker, price, quantity) of every trade so far."""
        return [
            (one.maker_order_id, one.taker_order_id, one.price_ticks, one.quantity_units)
            for one in self.events[since:]
            if type(one).__name__ == "OrderFilled"
        ]

    def portfolio(self, number):
        return self.engine.venue.portfolios[number]

    def position(self, number, instrument=1):
        return self.portfolio(number).positions[instrument]

    def live(self, order_id):
        return self.engine.venue.orders.get(order_id)

    def depth(self, instrument=1):
        bids, asks = self.engine.depth(instrument)
        return [one.as_tuple()[:2] for one in bids], [one.as_tuple()[:2] for one in asks]

    def check(self):
        """Everything that must be true of the whole state."""
        check_venue(self.engine.venue)


def check_venue(venue):
    """Conservation of cash and units, exact reservations, a book that is whole and not crossed."""
    assert not venue.elected
    assert not venue.ended_parents
    cash = sum(one.cash for one in venue.portfolios.values())
    assert cash + venue.cash == venue.external_cash
    for portfolio in venue.portfolios.values():
        _check_portfolio(venue, portfolio)
    for market in venue.markets.values():
        _check_market(venue, market)


def _check_portfolio(venue, portfolio):
    orders = portfolio.orders.all()
    assert portfolio.orders.count == len(orders)
    assert orders == [one for one in venue.orders.values() if one.portfolio is portfolio]
    assert all(venue.orders[one.order_id] is one for one in orders)
    held = sum(one.hold_cash for one in orders)
    held += sum(one.collateral for one in portfolio.positions.values())
    held += sum(
        amount for number, amount in venue.withdrawals.values() if number == portfolio.portfolio_id
    )
    assert held == portfolio.held_cash
    has_shorted = any(one.units < 0 or one.opening_short for one in portfolio.positions.values())
    if not has_shorted and not getattr(portfolio, "may_owe", False):
        assert portfolio.available() >= 0
    for order in orders:
        expected = 0 if order.is_hold_free else cash_needed(order, order.remaining)
        assert order.hold_cash == expected
        assert order.remaining > 0
        assert order.reserved_units == (
            0 if order.is_hold_free or order.role == 0 else order.remaining
        )
    for instrument_id, position in portfolio.positions.items():
        mine = [one for one in orders if one.market.instrument.instrument_id == instrument_id]

        def reserved(*roles, mine=mine):
            return sum(one.reserved_units for one in mine if one.role in roles)

        assert position.held == reserved(CLOSE_LONG, CLOSE_SHORT) <= abs(position.units)
        assert position.opening_long == reserved(OPEN_LONG)
        assert position.opening_short == reserved(OPEN_SHORT)
        lots = position.lots()
        assert sum(units for units, _ in lots) == position.units
        assert position.units != 0 or position.cost == 0
        assert position.units >= 0 or position.collateral >= 0
        assert position.units < 0 or position.collateral == 0


def _check_market(venue, market):
    waiting = 0
    for order in venue.orders.values():
        if order.market is market and order.state == 2 and order.order_type >= 3:
            waiting += 1
    assert market.triggers.count == waiting
    for side in (market.bids, market.asks):
        prices = []
        for level in side.levels():
            prices.append(level.price)
            queue = []
            order = level.first
            while order is not None:
                assert order.level is level
                assert order.price == level.price
                assert 0 < order.visible <= order.remaining
                assert order.display == 0 or order.visible <= order.display
                assert venue.orders[order.order_id] is order
                queue.append(order)
                order = order.next
            assert level.count == len(queue) > 0
            assert level.quantity == sum(one.remaining for one in queue)
            assert level.visible == sum(one.visible for one in queue)
        assert prices == sorted(prices, reverse=side.is_buy)
        assert side.best is None or side.best.price == prices[0]
        assert side.level_count == len(prices)
    if market.phase == CONTINUOUS and market.bids.best and market.asks.best:
        assert market.bids.best.price < market.asks.best.price


__all__ = ["BUY", "DAY", "GTC", "LIMIT", "SELL", "Rig", "check_venue"]
