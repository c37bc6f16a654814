"""A person at `curb gate`: keys on a real terminal, the gate behind them the real firmware."""

import asyncio
import contextlib
import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.portable import codes
from tests.support.site_rig import running_site

pytestmark = pytest.mark.system

GATE = "elm-in-1"
ROOT = Path(__file__).parents[2]
WITHIN_S = 60
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_RUN = """
import asyncio, sys
from pathlib import Path
from simulators.console import run_console
from simulators.stage import read_stage
asyncio.run(run_console(read_stage(Path(sys.argv[1])), sys.argv[2], pace=4))
"""


class Terminal:
    """A pseudo-terminal with the console in it."""

    def __init__(self, descriptor: int, process: asyncio.subprocess.Process) -> None:
        self._descriptor = descriptor
        self.process = process
        self._shown = ""

    def press(self, keys: str) -> None:
        self._shown = ""
        os.write(self._descriptor, keys.encode())

    async def until(self, text: str) -> None:
        """Wait until this was drawn since the last key."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while text not in self._shown:
                    await asyncio.sleep(0.02)
                    self._read()
        except TimeoutError:
            pytest.fail(f"{text!r} was never drawn, but:\n{self._shown[-1500:]}")

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._shown += _ESCAPES.sub("", os.read(self._descriptor, 65_536).decode())


def a_stage(folder: Path, flash: Path) -> Path:
    path = folder / "stage.json"
    gate = {"gate": GATE, "flash": str(flash), "direction": "entry"}
    cards = [{"uid": f"04c0de0000000{number}", "level": 0} for number in range(6)]
    stage = {"folder": str(folder), "site": "elm", "lot": "elm", "gates": [gate], "cards": cards}
    path.write_text(json.dumps(stage))
    return path


@contextlib.contextmanager
def terminal_pair() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


async def test_a_person_lets_a_car_in_by_hand_and_leaves(tmp_path):
    async with running_site() as site:
        agent = await site.start_agent()
        stage = a_stage(tmp_path, site.add_gate(GATE, direction="entry", arm_switch=True))
        with terminal_pair() as (ours, theirs):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _RUN, str(stage), GATE),
                cwd=ROOT,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            try:
                terminal = Terminal(ours, process)
                await terminal.until("idle")
                await agent.wait_for(lambda: agent.online.get(GATE), within_s=WITHIN_S)
                terminal.press("a")
                await terminal.until("vehicle")
                terminal.press("1")
                await terminal.until(codes.REASONS[codes.RIGHT_VALID][1])
                terminal.press("0")
                terminal.press("g")
                await agent.wait_for(lambda: codes.PASSAGE in agent.kinds(GATE), within_s=WITHIN_S)
                terminal.press("q")
                assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
