"""One step of the venue: a command in, its events out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from trading import accounts, commands, corporate_actions, desk, phases, replacing, snapshot
from trading.admission import expire_due
from trading.auction import Clearing, clearing
from trading.command_base import Command
from trading.commands import CancelOrder, PlaceOrder, ReplaceOrder
from trading.desk import work_off
from trading.event_base import Event
from trading.venue import Venue

_HANDLERS: Final[dict[int, Callable[[Venue, Any], None]]] = {
    commands.ListInstrument.KIND: accounts.list_instrument,
    commands.OpenPortfolio.KIND: accounts.open_portfolio,
    commands.SetLimits.KIND: accounts.set_limits,
    commands.Deposit.KIND: accounts.deposit,
    commands.ReserveWithdrawal.KIND: accounts.reserve_withdrawal,
    commands.EndWithdrawal.KIND: accounts.end_withdrawal,
    commands.TransferCash.KIND: accounts.transfer_cash,
    commands.DepositUnits.KIND: accounts.deposit_units,
    commands.TransferUnits.KIND: accounts.transfer_units,
    commands.PlaceGroup.KIND: desk.place_group,
    commands.MassCancel.KIND: desk.mass_cancel,
    commands.SetKillSwitch.KIND: accounts.set_kill_switch,
    commands.SetPhase.KIND: phases.set_phase,
    commands.SetBands.KIND: phases.set_bands,
    commands.AdvanceDay.KIND: accounts.advance_day,
    commands.SplitInstrument.KIND: corporate_actions.split_instrument,
    commands.PayDividend.KIND: corporate_actions.pay_dividend,
}


class Engine:
    """A venue that lives from its commands alone; see `trading` for the contract."""

    def __init__(self) -> None:
        self._venue: Venue = Venue()

    @property
    def sequence(self) -> int:
        """The number of the last command applied; the next one's is higher."""
        return self._venue.sequence

    @property
    def venue(self) -> Venue:
        """The state, to look at; only commands change it."""
        return self._venue

    def apply(self, command: Command) -> list[Event]:
        """Do what the command wishes, or say why not; the list is the caller's."""
        venue = self._venue
        self._step(command)
        venue.report_touched()
        return self._taken()

    def apply_batch(self, batch: list[Command]) -> list[list[Event]]:
        """Apply commands in order; gives the events of each.

        The same as `apply` on one after the other, but that balances and positions are reported
        once, behind the last command's other events: as they are after the whole batch.
        """
        if not batch:
            return []
        found: list[list[Event]] = []
        for command in batch:
            self._step(command)
            found.append(self._taken())
        venue = self._venue
        venue.report_touched()
        found[-1].extend(self._taken())
        return found

    def _taken(self) -> list[Event]:
        found = self._venue.events
        self._venue.events = []
        return found

    def _step(self, command: Command) -> None:
        venue = self._venue
        assert command.sequence > venue.sequence, "the sequencer's numbers rise"
        assert command.at_ns >= venue.at_ns, "the sequencer's time never falls"
        venue.sequence = command.sequence
        venue.at_ns = command.at_ns
        if venue.expiries and venue.expiries[0][0] <= venue.at_ns:
            expire_due(venue)
            work_off(venue)
        # The three that make up nearly all of a day, without a look-up.
        if isinstance(command, PlaceOrder):
            desk.place(venue, command)
        elif isinstance(command, CancelOrder):
            desk.cancel(venue, command)
        elif isinstance(command, ReplaceOrder):
            replacing.replace(venue, command)
        elif not isinstance(command, commands.AdvanceTime):
            _HANDLERS[command.KIND](venue, command)

    def state_hash(self) -> str:
        """64 hex digits; two engines give the same exactly when they would go on alike."""
        return snapshot.state_hash(self._venue)

    def snapshot(self) -> bytes:
        """The whole state; `restore` continues from it."""
        return snapshot.to_bytes(self._venue)

    @staticmethod
    def restore(data: bytes) -> Engine:
        """The engine that gave this snapshot.

        Raises:
            SnapshotError: it was written by another version.
        """
        engine = Engine()
        engine._venue = snapshot.from_bytes(data)
        return engine

    def depth(self, instrument_id: int, levels: int = 0) -> tuple[list[Depth], list[Depth]]:
        """Bids and asks, best first, as others may see them; 0 levels: all. Empty if unknown."""
        market = self._venue.markets.get(instrument_id)
        if market is None:
            return [], []
        bids = [Depth(one.price, one.visible, one.count) for one in market.bids.levels(levels)]
        asks = [Depth(one.price, one.visible, one.count) for one in market.asks.levels(levels)]
        return bids, asks

    def indicative(self, instrument_id: int) -> Clearing:
        """What an auction would do now; price and volume are 0 where nothing crosses."""
        return clearing(self._venue.markets[instrument_id])


class Depth:
    """One price level as others may see it."""

    def __init__(self, price_ticks: int, visible_units: int, order_count: int) -> None:
        self.price_ticks: Final[int] = price_ticks
        self.visible_units: Final[int] = visible_units
        self.order_count: Final[int] = order_count

    def as_tuple(self) -> tuple[int, int, int]:
        """(price, visible units, number of orders)."""
        return (self.price_ticks, self.visible_units, self.order_count)
