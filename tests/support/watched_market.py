"""A small market on the real engine, watched: scenarios read like what somebody did."""

from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.observer import Observer
from trading import Engine, commands
from trading.command_base import Command
from trading.event_base import Event
from trading.events import OrderAccepted
from trading.instruments import Instrument, Phase
from trading.orders import CANCEL_NEWEST, OrderType, Side, TimeInForce
from trading.terms import NewOrder

BUY, SELL = Side.BUY, Side.SELL
MS = 1_000_000
S = 1_000 * MS
ACCOUNTS = 12
START_NS = 1_800_000_000 * S


class WatchedMarket:
    """One instrument in continuous trading; portfolio n is account n's, with cash and units.

    It remembers the whole stream, so that another observer can be shown it again.
    """

    def __init__(self) -> None:
        self.engine = Engine()
        self.observer = Observer()
        self.found: list[Finding] = []
        self.stream: list[tuple[Command, list[Event]]] = []
        self.at_ns = START_NS
        self.apply(commands.ListInstrument, Instrument(1, "ACME", 100_000))
        for account in range(1, ACCOUNTS + 1):
            self.apply(commands.OpenPortfolio, account, account)
            self.apply(commands.Deposit, account, 10**15)
            self.apply(commands.DepositUnits, account, 1, 10**8, 10**12)
        self.apply(commands.SetPhase, 1, Phase.CONTINUOUS)

    def apply(self, kind: type[Command], *fields: object) -> list[Event]:
        command = kind(self.engine.sequence + 1, self.at_ns, *fields)
        events = self.engine.apply(command)
        self.stream.append((command, events))
        self.found += self.observer.take(command, events)
        return events

    def wait(self, ns: int) -> None:
        self.at_ns += ns

    def limit(
        self,
        account: int,
        side: int,
        units: int,
        price: int,
        *,
        self_trade: int = CANCEL_NEWEST,
        tif: int = TimeInForce.GTC,
    ) -> int:
        """Place a limit order; gives its id. Portfolios above ACCOUNTS are not known here."""
        order = NewOrder(
            account, 1, side, OrderType.LIMIT, tif, units, price, self_trade=self_trade
        )
        accepted = self.apply(commands.PlaceOrder, order)[0]
        assert isinstance(accepted, OrderAccepted), accepted
        return accepted.order_id

    def cancel(self, account: int, *order_ids: int) -> None:
        for order_id in order_ids:
            self.apply(commands.CancelOrder, order_id, account)

    def rules(self) -> list[str]:
        return [str(finding.rule) for finding in self.found]


def replayed(stream: list[tuple[Command, list[Event]]], observer: Observer) -> list[Finding]:
    """What an observer finds in a stream."""
    return [finding for command, events in stream for finding in observer.take(command, events)]
