"""What a trade does to the two portfolios: holds, cash, fees, units, profit and loss."""

from trading.exact import scaled_down
from trading.fees import fee
from trading.instruments import notional_floor
from trading.live import CLOSE_LONG, CLOSE_SHORT, OPEN_LONG, OPEN_SHORT, Market, Order
from trading.order_events import OrderFilled
from trading.orders import BUY, SELL
from trading.reservations import hold
from trading.venue import Venue


def settle_trade(
    venue: Venue,
    market: Market,
    maker: Order,
    taker: Order,
    price: int,
    quantity: int,
    maker_left: int,
    taker_left: int,
    is_auction: bool,
) -> None:
    """Report one trade and book it on both sides; their states are the caller's business."""
    one = market.instrument
    notional = notional_floor(one, price, quantity)
    maker_fee = fee(notional, one.maker_fee_rate)
    taker_fee = fee(notional, one.taker_fee_rate)
    venue.events.append(
        OrderFilled(
            venue.sequence,
            venue.next_trade_id,
            one.instrument_id,
            maker.order_id,
            taker.order_id,
            maker.portfolio.portfolio_id,
            taker.portfolio.portfolio_id,
            BUY if taker.is_buy else SELL,
            price,
            quantity,
            notional,
            maker_fee,
            taker_fee,
            maker_left,
            taker_left,
            is_auction,
        )
    )
    venue.next_trade_id += 1
    venue.cash += maker_fee + taker_fee
    _book(venue, maker, quantity, notional, maker_fee, maker_left)
    _book(venue, taker, quantity, notional, taker_fee, taker_left)


def _book(venue: Venue, order: Order, quantity: int, notional: int, charge: int, left: int) -> None:
    portfolio = order.portfolio
    position = order.position
    assert position is not None, "an order without a position traded"
    freed = hold(venue, order, left)
    change = -notional - charge if order.is_buy else notional - charge
    portfolio.cash += change
    portfolio.fees += charge
    before = position.realised
    if order.role == OPEN_LONG:
        position.open_units(quantity, notional)
    elif order.role == CLOSE_LONG:
        position.close_units(quantity, notional)
    elif order.role == OPEN_SHORT:
        position.open_units(-quantity, notional)
        # The margin and the proceeds stay held until the units are bought back.
        position.collateral += freed + change
        portfolio.held_cash += freed + change
    else:
        assert order.role == CLOSE_SHORT, "an order without a role traded"
        share = scaled_down(position.collateral, quantity, -position.units)
        position.close_units(quantity, notional)
        position.collateral -= share
        portfolio.held_cash -= share
    portfolio.realised += position.realised - before
    if position.market.instrument.settle_days != 0:
        portfolio.pending_cash += change
        position.pending_units += quantity if order.is_buy else -quantity
    venue.touch(portfolio)
    venue.touch_position(portfolio, position)
