"""How order entry joins the rest of the exchange."""

from cloud.exchange.alpaca.access import TraderAccess
from cloud.exchange.alpaca.settings import SettingsBook
from cloud.exchange.directory import Directory
from cloud.exchange.order_entry.desk import OrderDesk
from cloud.exchange.order_entry.routes import AccessGate, OrderEntry, order_entry_route
from cloud.exchange.restarting import keep_running
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.updates.service import TradeUpdates
from cloud.kit.feature import Feature, NamedTask, ProcessRole


def wire(
    sequencer: Sequencer,
    directory: Directory,
    settings: SettingsBook,
    access: TraderAccess,
    updates: TradeUpdates,
) -> Feature:
    """The WebSocket and what keeps its time."""
    entry = OrderEntry(
        OrderDesk(sequencer, directory, settings), AccessGate(access, settings), updates
    )
    return Feature(
        "order-entry",
        routes=(order_entry_route(entry),),
        tasks=(
            NamedTask(
                "order-entry", ProcessRole.EXCHANGE, lambda: keep_running(entry.run, entry.guard)
            ),
        ),
    )
