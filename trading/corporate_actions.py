"""Splits and dividends: what happens to everybody who holds an instrument, or to nobody.

Both are reckoned through before anything is done, and refused as a whole where a figure would
become larger than can be held (see `bounds`).
"""

from __future__ import annotations

from typing import Final

from trading.account_events import DividendPaid, UnitsSplit
from trading.accounts import move_cash, refuse
from trading.bounds import CASH_TOTAL_MAX, DEBT_TOTAL_MAX, POSITION_UNITS_MAX
from trading.commands import PayDividend, SplitInstrument
from trading.desk import cancel_matching, work_off
from trading.events import MoveCause
from trading.instruments import Instrument, notional_floor
from trading.live import Market
from trading.orders import MONEY_MAX, PRICE_TICKS_MAX
from trading.portfolio import Portfolio, Position
from trading.reasons import Reason
from trading.venue import Venue

_SPLIT_MAX: Final = 10_000


def pay_dividend(venue: Venue, command: PayDividend) -> None:
    """Cash for every unit held; short positions pay it."""
    market = venue.markets.get(command.instrument_id)
    numerator, denominator = command.amount_numerator, command.amount_denominator
    if market is None:
        refuse(venue, PayDividend.KIND, command.instrument_id, Reason.UNKNOWN_INSTRUMENT)
        return
    if not (0 < numerator <= MONEY_MAX and 0 < denominator <= MONEY_MAX):
        refuse(venue, PayDividend.KIND, command.instrument_id, Reason.RATIO_INVALID)
        return
    payouts: list[tuple[Portfolio, int]] = []
    for portfolio, position in _holders(venue, command.instrument_id):
        amount = abs(position.units) * numerator // denominator
        if amount != 0:
            payouts.append((portfolio, amount if position.units > 0 else -amount))
    if not _are_bearable(venue, payouts):
        refuse(venue, PayDividend.KIND, command.instrument_id, Reason.PAYOUT_TOO_LARGE)
        return
    for portfolio, amount in payouts:
        venue.external_cash += amount
        venue.events.append(
            DividendPaid(
                venue.sequence,
                portfolio.portfolio_id,
                command.instrument_id,
                portfolio.positions[command.instrument_id].units,
                amount,
            )
        )
        move_cash(venue, portfolio, amount, MoveCause.DIVIDEND, 0)


def split_instrument(venue: Venue, command: SplitInstrument) -> None:
    """Exchange old units for new ones; fractions are paid out at the last price before."""
    market = venue.markets.get(command.instrument_id)
    numerator, denominator = command.numerator, command.denominator
    if market is None:
        refuse(venue, SplitInstrument.KIND, command.instrument_id, Reason.UNKNOWN_INSTRUMENT)
        return
    is_ratio = 0 < numerator <= _SPLIT_MAX and 0 < denominator <= _SPLIT_MAX
    if not is_ratio or numerator == denominator:
        refuse(venue, SplitInstrument.KIND, command.instrument_id, Reason.RATIO_INVALID)
        return
    holders = _holders(venue, command.instrument_id)
    payouts = [(one, _fraction_paid(position, numerator, denominator)) for one, position in holders]
    are_bearable = _are_bearable(venue, payouts)
    if not are_bearable or any(_outgrows(one, numerator, denominator) for _, one in holders):
        refuse(venue, SplitInstrument.KIND, command.instrument_id, Reason.PAYOUT_TOO_LARGE)
        return
    cancel_matching(venue, 0, 0, command.instrument_id, Reason.CORPORATE_ACTION)
    work_off(venue)
    venue.events.append(UnitsSplit(venue.sequence, command.instrument_id, numerator, denominator))
    for portfolio, position in holders:
        _split_position(venue, portfolio, position, numerator, denominator)
    _split_price(market, numerator, denominator)


def _holders(venue: Venue, instrument_id: int) -> list[tuple[Portfolio, Position]]:
    found: list[tuple[Portfolio, Position]] = []
    for portfolio in venue.portfolios.values():
        position = portfolio.positions.get(instrument_id)
        if position is not None and position.units != 0:
            found.append((portfolio, position))
    return found


def _are_bearable(venue: Venue, payouts: list[tuple[Portfolio, int]]) -> bool:
    """Whether all figures stay within their bounds when these are paid (negative: charged)."""
    total = venue.external_cash
    debts = sum([max(-one.available(), 0) for one in venue.portfolios.values()])
    for portfolio, amount in payouts:
        settled = portfolio.cash - portfolio.pending_cash + amount
        if abs(amount) > MONEY_MAX or abs(settled) > CASH_TOTAL_MAX:
            return False
        total += amount
        debts += max(-amount, 0)
    return abs(total) <= CASH_TOTAL_MAX and debts <= DEBT_TOTAL_MAX


def _outgrows(position: Position, numerator: int, denominator: int) -> bool:
    units = abs(position.units)
    settled = abs(position.units - position.pending_units)
    pending = abs(position.pending_units)
    most = max(units, settled, pending)
    return most * numerator // denominator >= POSITION_UNITS_MAX


def _fraction_paid(position: Position, numerator: int, denominator: int) -> int:
    """What is paid for the units that make no whole new one; negative: what a short one pays."""
    market = position.market
    fraction = abs(position.units) * numerator % denominator
    paid = notional_floor(market.instrument, market.last_ticks, fraction) // numerator
    return paid if position.units > 0 else -paid


def _split_position(
    venue: Venue, portfolio: Portfolio, position: Position, numerator: int, denominator: int
) -> None:
    paid = _fraction_paid(position, numerator, denominator)
    portfolio.realised += position.split_units(numerator, denominator, paid)
    venue.touch_position(portfolio, position)
    if position.units == 0 and position.collateral != 0:
        portfolio.held_cash -= position.collateral
        position.collateral = 0
        venue.touch(portfolio)
    if paid != 0:
        venue.external_cash += paid
        move_cash(venue, portfolio, paid, MoveCause.SPLIT_FRACTION, 0)


def _split_price(market: Market, numerator: int, denominator: int) -> None:
    one: Instrument = market.instrument
    price = market.last_ticks * denominator // numerator
    market.last_ticks = min(max(one.round_down(price), one.tick_at(0)), PRICE_TICKS_MAX)
    market.lower_ticks = 0
    market.upper_ticks = 0
