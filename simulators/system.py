"""A whole Curb for one run: `curb up` as a child, found again through the files it writes.

The simulation talks to it only as people and devices do: REST, WebSocket, the lanes; and, as faults
do, by killing its programs.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.api import Api
from simulators.stage import Stage, read_stage

UP_WITHIN_S = 120.0
DOWN_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1


class NotUpError(Exception):
    """The system did not come up, or is not there; the message says where its log is."""


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """A system somebody started on `folder`."""

    folder: Path

    def status(self) -> dict[str, Any]:
        """What running.json says now; empty when nothing runs."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "running.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def base_url(self) -> str:
        """Where its API is."""
        return str(self.status()["urls"]["Web API"]).removesuffix("/api/v1")

    def stage(self) -> Stage:
        """The gates and cards that are set up in it."""
        return read_stage(self.folder / "simulation" / "stage.json")

    def pid(self, program: str) -> int | None:
        """The process of one of its programs (edge-agent, cloud, site-broker...), if it runs."""
        for child in self.status().get("children", []):
            if child["name"] == program:
                return child["pid"]  # type: ignore[no-any-return] # an integer or null in JSON
        return None

    def kill(self, program: str) -> bool:
        """SIGKILL one of its programs; its supervisor starts it again. False if it was not up."""
        return self._send(program, signal.SIGKILL)

    def freeze(self, program: str) -> bool:
        """Stop a program without ending it: whoever talks to it hears nothing."""
        return self._send(program, signal.SIGSTOP)

    def thaw(self, program: str) -> bool:
        """Let a frozen program go on."""
        return self._send(program, signal.SIGCONT)

    def _send(self, program: str, number: signal.Signals) -> bool:
        pid = self.pid(program)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    @contextlib.asynccontextmanager
    async def person(self, role: str) -> AsyncIterator[Api]:
        """The API as the demo's person of that role."""
        who = next(each for each in self.status()["log_ins"] if each["role"] == role)
        async with Api(self.base_url()) as api:
            await api.log_in(who["email"], who["password"])
            yield api


@contextlib.asynccontextmanager
async def started_system(
    folder: Path, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[RunningSystem]:
    """Start `curb up --no-sim` on a folder, wait until it is up, stop it at the end.

    Raises:
        NotUpError: it did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "up.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "launcher", "up", "--data", str(folder)),
            *("--port", "0", "--no-sim"),
            env={**os.environ, **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            process_group=0,
        )
    system = RunningSystem(folder)
    try:
        await _wait_up(system, process, log)
        yield system
    finally:
        await _stop(process)


async def _wait_up(system: RunningSystem, process: asyncio.subprocess.Process, log: Path) -> None:
    try:
        async with asyncio.timeout(UP_WITHIN_S):
            while not system.status().get("is_up"):
                if process.returncode is not None:
                    raise NotUpError(
                        f"`curb up` ended with status {process.returncode} before it was up. "
                        f"Its log, {log}, ends:\n{log.read_text()[-2_000:]}"
                    )
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError as error:
        raise NotUpError(
            f"`curb up` was not up within {UP_WITHIN_S:.0f} s. Its log: {log}"
        ) from error


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(DOWN_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
