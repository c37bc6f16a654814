"""Portfolios, limits, cash and units that come and go, and the settlement of days."""

from __future__ import annotations

from trading.account_events import (
    CashMoved,
    CommandRefused,
    DayAdvanced,
    InstrumentListed,
    KillSwitchSet,
    LimitsSet,
    PortfolioOpened,
    UnitsMoved,
    WithdrawalEnded,
    WithdrawalReserved,
)
from trading.bounds import CASH_TOTAL_MAX, FIGURE_MAX, POSITION_UNITS_MAX, is_figure
from trading.commands import (
    AdvanceDay,
    Deposit,
    DepositUnits,
    EndWithdrawal,
    ListInstrument,
    OpenPortfolio,
    ReserveWithdrawal,
    SetKillSwitch,
    SetLimits,
    TransferCash,
    TransferUnits,
)
from trading.desk import cancel_matching, work_off
from trading.events import MoveCause
from trading.instruments import CLOSED
from trading.live import Market
from trading.orders import MONEY_MAX, QUANTITY_UNITS_MAX
from trading.portfolio import Portfolio, Position
from trading.reasons import Reason
from trading.venue import Venue


def refuse(venue: Venue, kind: int, subject_id: int, reason: int) -> None:
    """Tell that a command was refused."""
    venue.events.append(CommandRefused(venue.sequence, kind, subject_id, reason))


def _amount_problem(amount: int, transfer_id: int, largest: int = MONEY_MAX) -> int:
    if amount <= 0:
        return Reason.AMOUNT_NOT_POSITIVE
    if not is_figure(transfer_id):
        return Reason.FIGURE_TOO_LARGE
    return Reason.AMOUNT_TOO_LARGE if amount > largest else 0


def move_cash(
    venue: Venue, portfolio: Portfolio, amount: int, cause: int, transfer_id: int
) -> None:
    """Bring cash in, or take it out where it is negative, and tell of it."""
    portfolio.cash += amount
    # A dividend is profit, and a paid-out fraction takes the place of units that are gone.
    if cause != MoveCause.DIVIDEND and cause != MoveCause.SPLIT_FRACTION:
        portfolio.moved_today += amount
    venue.touch(portfolio)
    venue.events.append(
        CashMoved(venue.sequence, portfolio.portfolio_id, amount, cause, transfer_id)
    )


def list_instrument(venue: Venue, command: ListInstrument) -> None:
    """Add an instrument, or change one that is closed and free of orders."""
    one = command.instrument
    market = venue.markets.get(one.instrument_id)
    if not one.is_valid():
        refuse(venue, ListInstrument.KIND, one.instrument_id, Reason.INSTRUMENT_INVALID)
        return
    if market is None:
        venue.markets[one.instrument_id] = Market(one)
    elif market.phase != CLOSED or any(o.market is market for o in venue.orders.values()):
        refuse(venue, ListInstrument.KIND, one.instrument_id, Reason.INSTRUMENT_IN_USE)
        return
    else:
        market.instrument = one
    venue.events.append(InstrumentListed(venue.sequence, one.instrument_id, one.as_tuple()))


def open_portfolio(venue: Venue, command: OpenPortfolio) -> None:
    """Open a portfolio; portfolio and account ids are positive."""
    if command.portfolio_id <= 0 or command.account_id <= 0:
        refuse(venue, OpenPortfolio.KIND, command.portfolio_id, Reason.UNKNOWN_PORTFOLIO)
    elif not (is_figure(command.portfolio_id) and is_figure(command.account_id)):
        refuse(venue, OpenPortfolio.KIND, command.portfolio_id, Reason.FIGURE_TOO_LARGE)
    elif command.portfolio_id in venue.portfolios:
        refuse(venue, OpenPortfolio.KIND, command.portfolio_id, Reason.PORTFOLIO_EXISTS)
    else:
        portfolio = Portfolio(command.portfolio_id, command.account_id)
        venue.portfolios[command.portfolio_id] = portfolio
        venue.events.append(
            PortfolioOpened(venue.sequence, command.portfolio_id, command.account_id)
        )


def set_limits(venue: Venue, command: SetLimits) -> None:
    """Set a portfolio's limits, or the default's."""
    portfolio = venue.portfolios.get(command.portfolio_id)
    if not command.limits.is_valid():
        refuse(venue, SetLimits.KIND, command.portfolio_id, Reason.LIMITS_INVALID)
        return
    if command.portfolio_id == 0:
        venue.default_limits = command.limits
    elif portfolio is None:
        refuse(venue, SetLimits.KIND, command.portfolio_id, Reason.UNKNOWN_PORTFOLIO)
        return
    else:
        portfolio.limits = command.limits
    venue.events.append(LimitsSet(venue.sequence, command.portfolio_id, command.limits.as_tuple()))


def set_kill_switch(venue: Venue, command: SetKillSwitch) -> None:
    """Stop an account or the venue, or let it go on."""
    if not is_figure(command.account_id):
        refuse(venue, SetKillSwitch.KIND, command.account_id, Reason.FIGURE_TOO_LARGE)
        return
    if command.account_id == 0:
        venue.is_killed = command.is_on
    elif command.is_on:
        venue.killed_accounts[command.account_id] = True
    else:
        venue.killed_accounts.pop(command.account_id, None)
    venue.events.append(KillSwitchSet(venue.sequence, command.account_id, command.is_on))
    if command.is_on:
        cancel_matching(venue, command.account_id, 0, 0, Reason.KILL_SWITCH)
        work_off(venue)


def deposit(venue: Venue, command: Deposit) -> None:
    """Cash comes in, settled."""
    portfolio = venue.portfolios.get(command.portfolio_id)
    problem = _amount_problem(command.amount, command.transfer_id)
    if problem == 0 and venue.external_cash + command.amount > CASH_TOTAL_MAX:
        problem = Reason.AMOUNT_TOO_LARGE
    if portfolio is None or problem != 0:
        reason = Reason.UNKNOWN_PORTFOLIO if portfolio is None else problem
        refuse(venue, Deposit.KIND, command.portfolio_id, reason)
        return
    venue.external_cash += command.amount
    move_cash(venue, portfolio, command.amount, MoveCause.DEPOSIT, command.transfer_id)


def _free_cash_problem(portfolio: Portfolio, amount: int, transfer_id: int) -> int:
    problem = _amount_problem(amount, transfer_id)
    if problem == 0 and amount > portfolio.available():
        return Reason.INSUFFICIENT_FUNDS
    if problem == 0 and amount > portfolio.withdrawable():
        return Reason.UNSETTLED_FUNDS
    return problem


def reserve_withdrawal(venue: Venue, command: ReserveWithdrawal) -> None:
    """First phase of a withdrawal."""
    portfolio = venue.portfolios.get(command.portfolio_id)
    if portfolio is None:
        refuse(venue, ReserveWithdrawal.KIND, command.transfer_id, Reason.UNKNOWN_PORTFOLIO)
        return
    problem = _free_cash_problem(portfolio, command.amount, command.transfer_id)
    if command.transfer_id in venue.withdrawals:
        problem = Reason.TRANSFER_EXISTS
    if problem != 0:
        refuse(venue, ReserveWithdrawal.KIND, command.transfer_id, problem)
        return
    venue.withdrawals[command.transfer_id] = (command.portfolio_id, command.amount)
    portfolio.held_cash += command.amount
    venue.touch(portfolio)
    venue.events.append(
        WithdrawalReserved(
            venue.sequence, command.transfer_id, command.portfolio_id, command.amount
        )
    )


def end_withdrawal(venue: Venue, command: EndWithdrawal) -> None:
    """Second phase of a withdrawal."""
    found = venue.withdrawals.pop(command.transfer_id, None)
    if found is None:
        refuse(venue, EndWithdrawal.KIND, command.transfer_id, Reason.UNKNOWN_TRANSFER)
        return
    portfolio_id, amount = found
    portfolio = venue.portfolios[portfolio_id]
    portfolio.held_cash -= amount
    venue.touch(portfolio)
    venue.events.append(
        WithdrawalEnded(
            venue.sequence, command.transfer_id, portfolio_id, amount, command.is_completed
        )
    )
    if command.is_completed:
        venue.external_cash -= amount
        move_cash(venue, portfolio, -amount, MoveCause.WITHDRAWAL, command.transfer_id)


def transfer_cash(venue: Venue, command: TransferCash) -> None:
    """Cash goes from one portfolio to another."""
    giver = venue.portfolios.get(command.from_portfolio_id)
    taker = venue.portfolios.get(command.to_portfolio_id)
    if giver is None or taker is None or giver is taker:
        refuse(venue, TransferCash.KIND, command.from_portfolio_id, Reason.UNKNOWN_PORTFOLIO)
        return
    problem = _free_cash_problem(giver, command.amount, command.transfer_id)
    if problem != 0:
        refuse(venue, TransferCash.KIND, command.from_portfolio_id, problem)
        return
    move_cash(venue, giver, -command.amount, MoveCause.TRANSFER, command.transfer_id)
    move_cash(venue, taker, command.amount, MoveCause.TRANSFER, command.transfer_id)


def _put_units(
    venue: Venue,
    portfolio: Portfolio,
    position: Position,
    units: int,
    cost: int,
    cause: int,
    transfer_id: int,
) -> None:
    """Report units that moved, and keep them out of today's profit."""
    portfolio.moved_today += position.market.value_of(units)
    venue.touch_position(portfolio, position)
    venue.events.append(
        UnitsMoved(
            venue.sequence,
            portfolio.portfolio_id,
            position.market.instrument.instrument_id,
            units,
            cost,
            cause,
            transfer_id,
        )
    )


def _has_room(position: Position, units: int, cost: int) -> bool:
    """Whether this many units more can come into a long position at this cost."""
    settled = position.units - position.pending_units
    return (
        max(position.units + position.opening_long, settled) + units <= POSITION_UNITS_MAX
        and position.cost + cost <= FIGURE_MAX
    )


def deposit_units(venue: Venue, command: DepositUnits) -> None:
    """Units come in, settled."""
    portfolio = venue.portfolios.get(command.portfolio_id)
    market = venue.markets.get(command.instrument_id)
    problem = _amount_problem(command.units, command.transfer_id, QUANTITY_UNITS_MAX)
    if problem == 0 and not 0 <= command.cost <= MONEY_MAX:
        problem = Reason.AMOUNT_TOO_LARGE
    if portfolio is None or market is None or problem != 0:
        unknown = Reason.UNKNOWN_PORTFOLIO if portfolio is None else Reason.UNKNOWN_INSTRUMENT
        reason = unknown if portfolio is None or market is None else problem
        refuse(venue, DepositUnits.KIND, command.portfolio_id, reason)
        return
    position = venue.position_of(portfolio, market)
    if position.units < 0 or position.opening_short > 0:
        refuse(venue, DepositUnits.KIND, command.portfolio_id, Reason.CROSSES_ZERO)
        return
    if not _has_room(position, command.units, command.cost):
        refuse(venue, DepositUnits.KIND, command.portfolio_id, Reason.AMOUNT_TOO_LARGE)
        return
    position.open_units(command.units, command.cost)
    _put_units(
        venue,
        portfolio,
        position,
        command.units,
        command.cost,
        MoveCause.DEPOSIT,
        command.transfer_id,
    )


def _cost_of(position: Position, units: int) -> int:
    return position.cost * units // position.units


def transfer_units(venue: Venue, command: TransferUnits) -> None:
    """Units go to another portfolio with their cost, oldest lots first, or leave the venue."""
    giver = venue.portfolios.get(command.from_portfolio_id)
    market = venue.markets.get(command.instrument_id)
    taker = venue.portfolios.get(command.to_portfolio_id)
    problem = _amount_problem(command.units, command.transfer_id, QUANTITY_UNITS_MAX)
    if giver is None or giver is taker or (taker is None and command.to_portfolio_id != 0):
        problem = Reason.UNKNOWN_PORTFOLIO
    elif market is None:
        problem = Reason.UNKNOWN_INSTRUMENT
    elif problem == 0:
        position = venue.position_of(giver, market)
        settled = position.units - max(position.pending_units, 0)
        if command.units > min(settled, position.units - position.held):
            problem = Reason.INSUFFICIENT_UNITS
        elif taker is not None:
            target = venue.position_of(taker, market)
            if target.units < 0 or target.opening_short > 0:
                problem = Reason.CROSSES_ZERO
            elif not _has_room(target, command.units, _cost_of(position, command.units)):
                problem = Reason.AMOUNT_TOO_LARGE
        elif not is_figure(_cost_of(position, command.units)):
            problem = Reason.AMOUNT_TOO_LARGE
    if problem != 0 or giver is None or market is None:
        refuse(venue, TransferUnits.KIND, command.from_portfolio_id, problem)
        return
    position = venue.position_of(giver, market)
    cost = _cost_of(position, command.units)
    position.take_lots(command.units)
    position.units -= command.units
    position.cost -= cost
    cause = MoveCause.WITHDRAWAL if taker is None else MoveCause.TRANSFER
    units, transfer_id = command.units, command.transfer_id
    _put_units(venue, giver, position, -units, -cost, cause, transfer_id)
    if taker is not None:
        target = venue.position_of(taker, market)
        target.open_units(units, cost)
        _put_units(venue, taker, target, units, cost, cause, transfer_id)


def advance_day(venue: Venue, command: AdvanceDay) -> None:
    """What traded yesterday settles; daily limits begin anew."""
    if not is_figure(command.day):
        refuse(venue, AdvanceDay.KIND, command.day, Reason.FIGURE_TOO_LARGE)
        return
    if command.day <= venue.day:
        refuse(venue, AdvanceDay.KIND, command.day, Reason.DAY_NOT_LATER)
        return
    venue.day = command.day
    venue.events.append(DayAdvanced(venue.sequence, command.day))
    for portfolio in venue.portfolios.values():
        for position in portfolio.positions.values():
            if position.pending_units != 0:
                position.pending_units = 0
                venue.touch_position(portfolio, position)
        if portfolio.pending_cash != 0:
            portfolio.pending_cash = 0
            venue.touch(portfolio)
        portfolio.day_start_equity = portfolio.equity()
        portfolio.moved_today = 0
