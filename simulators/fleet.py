"""Many gates on one machine: each a real MicroPython process with the firmware that ships.

A board that ends, because it was reset, bitten by its watchdog or killed, is switched on again as a
power supply would; how often is counted. A gate that somebody wants by hand (`curb gate`) is handed
over and taken back (power.py). Nobody's process is touched but our own.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulators.power import PowerLock
from simulators.world import GateWorld
from simulators.world_link import BoardLink, WorldServer

ROOT = Path(__file__).resolve().parents[1]
BOARD = ROOT / "simulators" / "board"
READY_WITHIN_S = 30.0
# A board that crashes at once must not spin; a real one takes longer to boot than this.
SWITCH_ON_AFTER_S = 0.2
WANTED_EVERY_S = 0.5


class FleetError(Exception):
    """A gate could not be brought up; the message says which and where its console is."""


@dataclass(frozen=True, slots=True)
class GateSetup:
    """One gate to simulate: its id and the folder that stands for its flash.

    line: host:port of the line its bytes take to the broker; empty: straight there.
    """

    gate: str
    flash: Path
    is_entry: bool
    line: str = ""


@dataclass(slots=True)
class _Powered:
    """One gate that has power."""

    setup: GateSetup
    world: GateWorld
    power: PowerLock
    wanted: PowerLock
    switched_on: int = 0
    is_powered: bool = True
    process: asyncio.subprocess.Process | None = None
    link: BoardLink | None = None
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a board is connected that has reported a state of its lane."""


def micropython() -> str:
    """The interpreter that came with the requirements, or the one on the path.

    Raises:
        FleetError: there is none.
    """
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if found is None:
        raise FleetError("No MicroPython here. `make setup` installs it into .venv.")
    return found


class Fleet:
    """Boards and the worlds around them; make it with `running_fleet`."""

    def __init__(
        self,
        setups: Sequence[GateSetup],
        folder: Path,
        *,
        pace: float,
        environment: Mapping[str, str],
        is_by_hand: bool = False,
    ) -> None:
        self._folder = folder
        self._is_by_hand = is_by_hand
        self._environment = {
            **os.environ,
            "MICROPYPATH": f"{BOARD}:{ROOT}:.frozen",
            **environment,
        }
        self._server = WorldServer(on_board=self._meet)
        self._gates = {
            setup.gate: _Powered(
                setup,
                GateWorld(setup.gate, pace=pace),
                PowerLock.power(setup.flash),
                PowerLock.wanted(setup.flash),
            )
            for setup in setups
        }

    @property
    def worlds(self) -> dict[str, GateWorld]:
        """The world around each gate, by its id."""
        return {gate: powered.world for gate, powered in self._gates.items()}

    @property
    def entries(self) -> list[GateWorld]:
        """The worlds of the gates that lead in."""
        return [p.world for p in self._gates.values() if p.setup.is_entry]

    @property
    def exits(self) -> list[GateWorld]:
        """The worlds of the gates that lead out."""
        return [p.world for p in self._gates.values() if not p.setup.is_entry]

    def is_ready(self, gate: str) -> bool:
        """Whether a gate's board runs its lane now."""
        return self._gates[gate].is_ready.is_set()

    def switched_on(self, gate: str) -> int:
        """How often a gate was switched on so far."""
        return self._gates[gate].switched_on

    def link(self, gate: str) -> BoardLink | None:
        """The gate's running board, for faults; None while it is off."""
        link = self._gates[gate].link
        return None if link is None or link.is_gone else link

    def console_path(self, gate: str) -> Path:
        """Where the board of a gate prints."""
        return self._folder / f"{gate}.log"

    async def wait_ready(self, *gates: str, within_s: float = READY_WITHIN_S) -> None:
        """Wait until the boards of these gates (of all, without names) run their lanes.

        Raises:
            FleetError: one did not come up.
        """
        for gate in gates or tuple(self._gates):
            try:
                async with asyncio.timeout(within_s):
                    await self._gates[gate].is_ready.wait()
            except TimeoutError as error:
                raise FleetError(
                    f"{gate} did not come up within {within_s:.0f} s. Its console: "
                    f"{self.console_path(gate)}"
                ) from error

    async def wait_listed(self, *, within_s: float = READY_WITHIN_S) -> None:
        """Wait until every gate has a rights list on its flash, or some never got one in time."""
        waited_s = 0.0
        while waited_s < within_s:
            if all(any((p.setup.flash / "rights").glob("*.bin")) for p in self._gates.values()):
                return
            await asyncio.sleep(SWITCH_ON_AFTER_S)
            waited_s += SWITCH_ON_AFTER_S

    async def kill(self, gate: str) -> None:
        """Pull a gate's plug (SIGKILL); it is switched on again by itself."""
        process = self._gates[gate].process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def switch_off(self, gate: str) -> None:
        """Pull a gate's plug and leave it out until `switch_on`."""
        self._gates[gate].is_powered = False
        await self.kill(gate)

    def switch_on(self, gate: str) -> None:
        """Put a gate's plug back in."""
        self._gates[gate].is_powered = True

    async def run(self, gate: str) -> None:
        """Keep one gate's board running until cancelled; `running_fleet` does this for all."""
        powered = self._gates[gate]
        try:
            while True:
                if powered.is_powered and not self._is_wanted(powered):
                    if powered.power.take():
                        await self._run_once(powered)
                else:
                    powered.power.release()
                await asyncio.sleep(SWITCH_ON_AFTER_S)
        finally:
            await self.kill(gate)
            powered.power.release()

    def _is_wanted(self, powered: _Powered) -> bool:
        return not self._is_by_hand and powered.wanted.is_held_elsewhere()

    async def _run_once(self, powered: _Powered) -> None:
        """One life of a board; ends early when somebody wants the gate by hand."""
        powered.process = await self._start(powered)
        ended = asyncio.create_task(powered.process.wait())
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=WANTED_EVERY_S)
                if self._is_wanted(powered):
                    await self.kill(powered.setup.gate)
        finally:
            ended.cancel()
            powered.is_ready.clear()
            powered.world.board_went()

    async def _start(self, powered: _Powered) -> asyncio.subprocess.Process:
        powered.switched_on += 1
        with self.console_path(powered.setup.gate).open("ab") as console:
            return await asyncio.create_subprocess_exec(
                micropython(),
                str(BOARD / "run.py"),
                env={
                    **self._environment,
                    "CURB_GATE": powered.setup.gate,
                    "CURB_FLASH": str(powered.setup.flash),
                    "CURB_WORLD": self._server.address,
                    "CURB_LINE": powered.setup.line,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def _meet(self, link: BoardLink) -> None:
        powered = self._gates[link.gate]
        powered.link = link

        def hear(message: dict[str, object]) -> None:
            if "state" in message:
                powered.is_ready.set()
            powered.world.hear(message)

        link.on_message = hear
        powered.world.board_came(link.send)

    async def __aenter__(self) -> "Fleet":
        """Listen for boards."""
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up on every board."""
        await self._server.__aexit__()


@contextlib.asynccontextmanager
async def running_fleet(
    setups: Sequence[GateSetup],
    folder: Path,
    *,
    pace: float = 1.0,
    environment: Mapping[str, str] | None = None,
    is_by_hand: bool = False,
) -> AsyncIterator[Fleet]:
    """Switch on every gate; all are off again at the end of the block.

    folder: for the boards' consoles.
    pace: how many times faster than life cars and arms move.
    environment: variables for the boards, see simulators/board/__init__.py.
    is_by_hand: the caller holds the `wanted` locks, so nobody else's wish is looked for.
    """
    tasks: list[asyncio.Task[None]] = []
    async with Fleet(
        setups, folder, pace=pace, environment=environment or {}, is_by_hand=is_by_hand
    ) as fleet:
        try:
            for setup in setups:
                tasks.append(asyncio.create_task(fleet.run(setup.gate), name=f"board {setup.gate}"))
                world = fleet.worlds[setup.gate]
                tasks.append(asyncio.create_task(world.run(), name=f"world {setup.gate}"))
            yield fleet
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
