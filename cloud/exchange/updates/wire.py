"""How the trading stream joins the exchange."""

import asyncio
import uuid

from cloud.exchange.alpaca.access import TraderAccess
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.restarting import keep_running
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.updates.notices import OrderNotices, Teller
from cloud.exchange.updates.routes import StreamConnections, stream_route
from cloud.exchange.updates.service import TradeUpdates
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole


def make_updates(kit: Kit, sequencer: Sequencer, live: LivePortfolios) -> TradeUpdates:
    """What `/stream` and order entry tell of; one for the process."""
    return TradeUpdates(
        sequencer,
        live,
        kit.database.pool,
        epochs=lambda: uuid.uuid4().hex[:12],
        now_s=lambda: asyncio.get_running_loop().time(),
    )


def wire(
    kit: Kit,
    updates: TradeUpdates,
    live: LivePortfolios,
    access: TraderAccess,
    teller: Teller,
) -> Feature:
    """`/stream`, notices to users' rooms, and what keeps them going."""
    connections = StreamConnections(updates, access)

    updates.on_close = connections.end_all
    notices = OrderNotices(live, kit.database.pool, teller)
    return Feature(
        "trade-updates",
        routes=(stream_route(connections),),
        tasks=(
            NamedTask(
                "trade-updates",
                ProcessRole.EXCHANGE,
                lambda: keep_running(connections.run, connections.guard),
            ),
            NamedTask("order-notices", ProcessRole.EXCHANGE, notices.run),
        ),
    )
