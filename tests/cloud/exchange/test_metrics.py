"""What operations sees of the exchange: who leads, what is listed, what was committed."""

from prometheus_client import REGISTRY

from cloud.exchange import metrics
from tests.support.exchange import leading_sequencer, wish_of
from trading.commands import (
    Deposit,
    DepositUnits,
    ListInstrument,
    OpenPortfolio,
    PlaceOrder,
    SetPhase,
)
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import ALLOW, BUY, DAY, LIMIT, SELL
from trading.terms import NewOrder


def figure(name):
    return REGISTRY.get_sample_value(name) or 0.0


def order(side):
    return NewOrder(1, 1, side, LIMIT, DAY, 3, 100, self_trade=ALLOW)


async def test_commands_orders_trades_and_the_lead_are_counted(kit):
    names = ("commands", "orders", "trades")
    async with leading_sequencer(kit) as sequencer:
        metrics.watch(sequencer)
        before = [figure(f"curb_exchange_{name}_total") for name in names]
        for command in (
            ListInstrument(0, 0, Instrument(1, "AAPL", 100)),
            OpenPortfolio(0, 0, 1, 1),
            Deposit(0, 0, 1, 100_000),
            DepositUnits(0, 0, 1, 1, 10, 1_000),
            SetPhase(0, 0, 1, CONTINUOUS),
            PlaceOrder(0, 0, order(SELL)),
            PlaceOrder(0, 0, order(BUY)),
        ):
            receipt = await sequencer.submit(wish_of(command))
        after = [figure(f"curb_exchange_{name}_total") for name in names]
        assert [now - then for now, then in zip(after, before, strict=True)] == [7, 2, 1]
        assert figure("curb_exchange_leading") == 1
        assert figure("curb_exchange_instruments") == 1
        assert figure("curb_exchange_sequence") == receipt.sequence
    assert figure("curb_exchange_leading") == 0
