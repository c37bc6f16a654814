"""How running the venue joins the exchange."""

from cloud.exchange.sequencer import Sequencer
from cloud.exchange.venue.acts import VenueDesk
from cloud.exchange.venue.instruments import Instruments
from cloud.exchange.venue.kill_switches import KillSwitches
from cloud.exchange.venue.lost_acts import LostActs
from cloud.exchange.venue.routes import (
    InstrumentsController,
    KillSwitchController,
    VenueController,
)
from cloud.exchange.venue.units import Units, UnitsController
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole


def wire(kit: Kit, sequencer: Sequencer, desk: VenueDesk) -> Feature:
    """Routes, the dependencies `instruments`, `kill_switches` and `units_desk`, lost acts."""
    instruments = Instruments(kit.database, sequencer, desk)
    kill_switches = KillSwitches(kit.database, sequencer, desk)

    units = Units(sequencer, desk)
    lost_acts = LostActs(kit.database, sequencer, kit.clock.now)

    async def provide_units() -> Units:
        return units

    async def provide_instruments() -> Instruments:
        return instruments

    async def provide_kill_switches() -> KillSwitches:
        return kill_switches

    return Feature(
        "venue",
        routes=(InstrumentsController, VenueController, KillSwitchController, UnitsController),
        dependencies={
            "instruments": provide_instruments,
            "kill_switches": provide_kill_switches,
            "units_desk": provide_units,
        },
        tasks=(NamedTask("exchange-lost-acts", ProcessRole.EXCHANGE, lost_acts.run),),
    )
