"""How running the venue joins the exchange."""

from cloud.exchange.sequencer import Sequencer
from cloud.exchange.venue.acts import VenueDesk
from cloud.exchange.venue.instruments import Instruments
from cloud.exchange.venue.kill_switches import KillSwitches
from cloud.exchange.venue.routes import (
    InstrumentsController,
    KillSwitchController,
    VenueController,
)
from cloud.exchange.venue.units import Units, UnitsController
from cloud.kit.feature import Feature, Kit


def wire(kit: Kit, sequencer: Sequencer, desk: VenueDesk) -> Feature:
    """Routes, and the dependencies `instruments`, `kill_switches` and `units_desk`."""
    instruments = Instruments(kit.database, sequencer, desk)
    kill_switches = KillSwitches(kit.database, sequencer, desk)

    units = Units(sequencer, desk)

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
    )
