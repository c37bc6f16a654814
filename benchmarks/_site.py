"""What benchmarks of the gate path share: a whole system with many more gates than the demo has."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from launcher.demo_site import flash_folder
from provisioning.cloud_api import Api
from provisioning.enrol import enrol_gate
from simulators.stage import Stage, StageGate
from simulators.system import RunningSystem, started_system

# What runs on other machines in the field; here it shares two cores with the whole site.
ELSEWHERE = ("cloud", "postgres", "valkey", "cloud-broker")
NICE = 10


@contextlib.asynccontextmanager
async def running_wide_site(gates: int) -> AsyncIterator[tuple[RunningSystem, Stage]]:
    """`curb up` on a scratch folder, its site grown to `gates` gates, as many in as out.

    The cloud's programs have a lower priority than the site's.
    """
    with tempfile.TemporaryDirectory(prefix="curb-bench-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        async with started_system(folder) as system:
            for program in ELSEWHERE:
                if (pid := system.pid(program)) is not None:
                    os.setpriority(os.PRIO_PGRP, pid, NICE)
            yield system, await asyncio.to_thread(_grow, system, gates)


def _grow(system: RunningSystem, gates: int) -> Stage:
    stage = system.stage()
    added = []
    with _technician(system) as api:
        for number in range(len(stage.gates), gates):
            direction = "entry" if number % 2 == 0 else "exit"
            added.append(_enrol(api, system, stage, f"bench-{number}", direction))
    return msgspec.structs.replace(stage, gates=[*stage.gates, *added])


def add_gate(system: RunningSystem, stage: Stage, gate: str, direction: str) -> StageGate:
    """One more gate with its lane, enrolled, its flash written, and not started."""
    with _technician(system) as api:
        return _enrol(api, system, stage, gate, direction)


@contextlib.contextmanager
def _technician(system: RunningSystem) -> Iterator[Api]:
    who = next(who for who in system.status()["log_ins"] if who["role"] == "technician")
    with Api(system.base_url()) as api:
        api.log_in(who["email"], who["password"])
        yield api


def _enrol(api: Api, system: RunningSystem, stage: Stage, gate: str, direction: str) -> StageGate:
    lane = {"id": f"{gate}-lane", "lot": stage.lot, "name": gate, "direction": direction}
    api.post(f"/api/v1/sites/{stage.site}/lanes", lane)
    api.post(f"/api/v1/sites/{stage.site}/gates", {"id": gate, "lane": lane["id"]})
    flash = flash_folder(system.folder / "site" / stage.site, gate)
    config = {"board": "esp32", "direction": direction, "arm_switch": True}
    enrol_gate(api, gate, flash, config)
    return StageGate(gate=gate, flash=str(flash), direction=direction)
