"""What the owner of a portfolio has chosen: asked at every order, so kept in memory.

Only the leading process answers under /v2, and only /v2 changes them, so what it remembers is true;
a process that begins to lead has nothing remembered.
"""

from typing import Final

import msgspec

from cloud.exchange.orders.errors import OrderError, OrderRefusedError
from cloud.exchange.orders.store import Pool
from cloud.exchange.wishes import ExchangeUnavailable
from cloud.kit.clock import Clock

_READ: Final = """
SELECT is_suspended, is_long_only, has_confirmations FROM trading_settings WHERE portfolio_id = $1
"""
_WRITE: Final = """
INSERT INTO trading_settings AS s
    (portfolio_id, is_suspended, is_long_only, has_confirmations, updated_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (portfolio_id) DO UPDATE SET is_suspended = excluded.is_suspended,
    is_long_only = excluded.is_long_only, has_confirmations = excluded.has_confirmations,
    updated_at = excluded.updated_at
"""
# What a client may send back unchanged, because it read it here: Alpaca's client sends all fields.
_FIXED: Final = {
    "dtbp_check": (None, "entry"),
    "fractional_trading": (None, False),
    "max_margin_multiplier": (None, "1"),
    "max_options_trading_level": (None, 0),
    "pdt_check": (None, "entry"),
    "ptp_no_exception_entry": (None, False),
}


class TradingSettings(msgspec.Struct, frozen=True):
    """is_suspended: new orders are refused. is_long_only: no sale opens a short position."""

    is_suspended: bool = False
    is_long_only: bool = False
    has_confirmations: bool = True


class SettingsForm(msgspec.Struct, frozen=True):
    """A change of settings; what is absent or null stays."""

    suspend_trade: bool | None = None
    no_shorting: bool | None = None
    trade_confirm_email: str | None = None
    dtbp_check: str | None = None
    fractional_trading: bool | None = None
    max_margin_multiplier: str | None = None
    max_options_trading_level: int | None = None
    pdt_check: str | None = None
    ptp_no_exception_entry: bool | None = None


class SettingsBook:
    """Settings by portfolio. clock: for `updated_at`."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._known: dict[int, TradingSettings] = {}

    def forget_all(self) -> None:
        """This process begins to lead: another may have changed them meanwhile."""
        self._known.clear()

    async def read(self, portfolio_id: int) -> TradingSettings:
        """The settings of a portfolio."""
        known = self._known.get(portfolio_id)
        if known is None:
            row = await self._pool.fetchrow(_READ, portfolio_id)
            known = TradingSettings() if row is None else TradingSettings(*row.values())
            self._known[portfolio_id] = known
        return known

    async def for_order(self, portfolio_id: int) -> TradingSettings:
        """The settings, for a new order.

        Raises:
            OrderRefusedError: the owner has suspended trading.
        """
        return _unless_suspended(await self.read(portfolio_id))

    def for_known(self, portfolio_id: int) -> TradingSettings:
        """`for_order` without waiting, where the settings were read since the lead began.

        Raises:
            ExchangeUnavailable: they have not.
        """
        found = self._known.get(portfolio_id)
        if found is None:
            raise ExchangeUnavailable
        return _unless_suspended(found)

    async def change(self, portfolio_id: int, form: SettingsForm) -> TradingSettings:
        """Change what was sent.

        Raises:
            OrderError: a setting that is fixed here would change, or a word is unknown.
        """
        for name, allowed in _FIXED.items():
            if getattr(form, name) not in allowed:
                raise OrderError("setting_fixed", f"{name} cannot be changed here.")
        if form.trade_confirm_email not in (None, "all", "none"):
            raise OrderError("setting_invalid", "trade_confirm_email is all or none.")
        old = await self.read(portfolio_id)
        email = form.trade_confirm_email
        new = TradingSettings(
            old.is_suspended if form.suspend_trade is None else form.suspend_trade,
            old.is_long_only if form.no_shorting is None else form.no_shorting,
            old.has_confirmations if email is None else email == "all",
        )
        await self._pool.execute(
            _WRITE, portfolio_id, *msgspec.structs.astuple(new), self._clock.now()
        )
        self._known[portfolio_id] = new
        return new


def _unless_suspended(settings: TradingSettings) -> TradingSettings:
    if settings.is_suspended:
        raise OrderRefusedError(
            "trading_suspended",
            "You have suspended trading of this portfolio: set suspend_trade to false first.",
        )
    return settings
