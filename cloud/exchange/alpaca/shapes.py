"""From the committed picture of a portfolio and of the markets to Alpaca's shapes; pure."""

from datetime import datetime
from typing import Final

from cloud.exchange.alpaca.schemas import Account, AccountConfigurations, Asset, Position
from cloud.exchange.alpaca.settings import TradingSettings
from cloud.exchange.orders.answers import ASSET_CLASS
from cloud.exchange.portfolios.live import LiveMarket, LivePortfolio, LivePosition, unrealised
from cloud.exchange.portfolios.valuation import average_price
from cloud.exchange.prices import increment_text, money_text, price_text, ratio_text
from cloud.exchange.public_ids import instrument_uuid, portfolio_uuid
from trading.instruments import Instrument, Phase, notional_floor
from trading.live import Market

EXCHANGE_NAME: Final = "AMEX"
"""Alpaca's clients know a closed list of exchanges; the Curb Exchange became this one in 1953."""


def account(
    portfolio: LivePortfolio,
    values: list[int],
    settings: TradingSettings,
    *,
    currency: str,
    created_at: datetime,
    is_blocked: bool,
    may_short: bool,
    leaving: int,
) -> Account:
    """The account. values: of its positions at the marks; leaving: cash reserved to be paid out."""
    long_value = sum(value for value in values if value > 0)
    short_value = sum(value for value in values if value < 0)
    equity = money_text(portfolio.cash + long_value + short_value)
    free = money_text(max(portfolio.cash - portfolio.held_cash, 0))
    zero = money_text(0)
    return Account(
        id=portfolio_uuid(portfolio.portfolio_id),
        account_number=f"CURB{portfolio.portfolio_id:09d}",
        status="ACTIVE",
        currency=currency,
        buying_power=free,
        regt_buying_power=free,
        daytrading_buying_power=free,
        options_buying_power=zero,
        non_marginable_buying_power=free,
        cash=money_text(portfolio.cash),
        accrued_fees=zero,
        pending_transfer_in=zero,
        pending_transfer_out=money_text(leaving),
        portfolio_value=equity,
        pattern_day_trader=False,
        trading_blocked=is_blocked,
        transfers_blocked=False,
        account_blocked=False,
        created_at=created_at,
        trade_suspended_by_user=settings.is_suspended,
        multiplier="1",
        shorting_enabled=may_short and not settings.is_long_only,
        equity=equity,
        last_equity=money_text(portfolio.day_equity),
        long_market_value=money_text(long_value),
        short_market_value=money_text(short_value),
        position_market_value=money_text(long_value - short_value),
        initial_margin=money_text(portfolio.held_cash),
        maintenance_margin=money_text(-short_value),
        last_maintenance_margin=zero,
        sma=zero,
        daytrade_count=0,
        settled_cash=money_text(portfolio.settled_cash),
        held_cash=money_text(portfolio.held_cash),
        fees=money_text(portfolio.fees),
        realized_pl=money_text(portfolio.realised),
        seq=portfolio.changed_sequence,
    )


def configurations(settings: TradingSettings) -> AccountConfigurations:
    """The settings in Alpaca's words; the rest is what always holds here."""
    return AccountConfigurations(
        dtbp_check="entry",
        fractional_trading=False,
        max_margin_multiplier="1",
        max_options_trading_level=0,
        no_shorting=settings.is_long_only,
        pdt_check="entry",
        ptp_no_exception_entry=False,
        suspend_trade=settings.is_suspended,
        trade_confirm_email="all" if settings.has_confirmations else "none",
    )


def asset(market: Market, name: str) -> Asset:
    """An instrument as an asset. name: for people; the symbol where there is none."""
    one = market.instrument
    return Asset(
        id=instrument_uuid(one.instrument_id),
        asset_class=ASSET_CLASS,
        exchange=EXCHANGE_NAME,
        symbol=one.symbol,
        name=name or one.symbol,
        status="active",
        tradable=True,
        marginable=False,
        maintenance_margin_requirement=100,
        shortable=one.is_shortable,
        easy_to_borrow=one.is_shortable,
        fractionable=False,
        attributes=[],
        min_order_size=str(one.lot_units),
        min_trade_increment=str(one.lot_units),
        price_increment=increment_text(one, market.last_ticks),
        phase=Phase(market.phase).name.lower(),
        tick_table=[[price_text(one, at), price_text(one, step)] for at, step in one.tick_table],
        settle_days=one.settle_days,
    )


def position(
    market: LiveMarket, held: LivePosition, close_ticks: int, *, sequence: int
) -> Position:
    """A position at its mark. close_ticks: of the day before; 0: it had not traded yet."""
    one: Instrument = market.instrument
    units, mark = held.units, market.mark_ticks
    close = close_ticks or mark
    value = market.value_of(units)
    gain = unrealised(units, held.cost, value)
    sign = 1 if units >= 0 else -1
    then = sign * notional_floor(one, close, abs(units))
    return Position(
        asset_id=instrument_uuid(one.instrument_id),
        symbol=one.symbol,
        exchange=EXCHANGE_NAME,
        asset_class=ASSET_CLASS,
        asset_marginable=False,
        avg_entry_price=average_price(one, held.cost, units),
        qty=str(units),
        qty_available=str(sign * max(abs(units) - held.held_units, 0)),
        side="long" if units >= 0 else "short",
        market_value=money_text(value),
        cost_basis=money_text(sign * held.cost),
        unrealized_pl=money_text(gain),
        unrealized_plpc=ratio_text(gain, held.cost),
        unrealized_intraday_pl=money_text(value - then),
        unrealized_intraday_plpc=ratio_text(value - then, abs(then)),
        current_price=price_text(one, mark),
        lastday_price=price_text(one, close),
        change_today=ratio_text(mark - close, close),
        settled_qty=str(held.settled_units),
        realized_pl=money_text(held.realised),
        seq=sequence,
    )
