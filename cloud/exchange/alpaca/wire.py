"""How the trading interface joins the exchange: its routes, its access, and the desk behind it."""

from cloud.exchange.alpaca.access import TRADER_ACCESS_STATE, TraderAccess
from cloud.exchange.alpaca.account_routes import AccountController
from cloud.exchange.alpaca.desk import TRADING_DESK_STATE, TradingDesk
from cloud.exchange.alpaca.market_routes import MarketController
from cloud.exchange.alpaca.order_routes import OrdersController
from cloud.exchange.alpaca.position_routes import PositionsController
from cloud.exchange.alpaca.watchlist_routes import WatchlistsController
from cloud.kit.feature import Feature


def wire(access: TraderAccess, desk: TradingDesk) -> Feature:
    """Routes under /v2 and the dependency `trading`."""
    desk.sequencer.on_lead(lambda _engine: desk.settings.forget_all())

    async def provide_trading() -> TradingDesk:
        return desk

    return Feature(
        "alpaca",
        routes=(
            AccountController,
            MarketController,
            OrdersController,
            PositionsController,
            WatchlistsController,
        ),
        dependencies={"trading": provide_trading},
        state={TRADER_ACCESS_STATE: access, TRADING_DESK_STATE: desk},
    )
