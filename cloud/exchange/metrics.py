"""Prometheus metrics of the exchange: who leads, and how much is asked and done."""

from typing import Final

from prometheus_client import Counter, Gauge

from cloud.exchange.restarting import follow_batches
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.wishes import CommittedBatch
from trading.commands import PlaceGroup, PlaceOrder
from trading.order_events import OrderFilled

LEADING: Final = Gauge("curb_exchange_leading", "Whether this process runs the exchange: 1, or 0.")
INSTRUMENTS: Final = Gauge("curb_exchange_instruments", "Instruments that are listed.")
SEQUENCE: Final = Gauge("curb_exchange_sequence", "The number of the last committed command.")
COMMANDS: Final = Counter("curb_exchange_commands", "Commands committed, of any kind.")
ORDERS: Final = Counter("curb_exchange_orders", "Orders placed; a group is one.")
TRADES: Final = Counter("curb_exchange_trades", "Trades.")
BATCHES: Final = Counter("curb_exchange_batches", "Transactions that committed commands.")

_PLACING: Final = (PlaceOrder.KIND, PlaceGroup.KIND)


def watch(sequencer: Sequencer) -> None:
    """Count what this sequencer commits, from now on."""
    LEADING.set_function(lambda: float(sequencer.is_leading))
    INSTRUMENTS.set_function(lambda: float(len(sequencer.engine.venue.markets)))
    follow_batches(
        sequencer, "metrics", _count, copy=lambda engine: engine.sequence, begin=SEQUENCE.set
    )


def _count(batch: CommittedBatch) -> None:
    BATCHES.inc()
    SEQUENCE.set(batch.last_sequence)
    COMMANDS.inc(len(batch.commands))
    ORDERS.inc(sum(1 for command in batch.commands if command.KIND in _PLACING))
    fills = sum(1 for events in batch.events for event in events if type(event) is OrderFilled)
    if fills:
        TRADES.inc(fills)
