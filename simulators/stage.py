"""What somebody set up for a simulation to play on: gates with their flash folders, and cards.

`curb up` writes it to DATA/simulation/stage.json; tests and benchmarks write their own.
"""

import json
from pathlib import Path

import msgspec

from simulators.cards import CardBox
from simulators.fleet import GateSetup


class StageGate(msgspec.Struct, frozen=True, kw_only=True):
    """One gate: where its flash lies and which way its lane leads ("entry" or "exit")."""

    gate: str
    flash: str
    direction: str


class StageCard(msgspec.Struct, frozen=True, kw_only=True):
    """One registered card: UID in lower-case hex; level 0 as sold, 1 secured."""

    uid: str
    level: int


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. folder: where the simulation may keep cards and consoles."""

    folder: str
    site: str
    lot: str
    gates: list[StageGate]
    cards: list[StageCard]

    def setups(self) -> list[GateSetup]:
        """For `running_fleet`."""
        return [
            GateSetup(gate.gate, Path(gate.flash), is_entry=gate.direction == "entry")
            for gate in self.gates
        ]

    def card_box(self) -> CardBox:
        """The cards, with the key that the gates hold; every card is made or read back."""
        identity = json.loads((Path(self.gates[0].flash) / "identity.json").read_text())
        box = CardBox(Path(self.folder) / "cards", identity["card_master_key"])
        box.prepare([(card.uid, card.level) for card in self.cards])
        return box


def read_stage(path: Path) -> Stage:
    """The stage that somebody wrote.

    Raises:
        FileNotFoundError: nobody did.
        msgspec.ValidationError: it is not one.
    """
    return msgspec.json.decode(path.read_bytes(), type=Stage)
