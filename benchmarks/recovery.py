"""How soon the exchange is back: from a journal of 1 M commands, from a snapshot, by a standby.

`from_nothing_s`: a fresh process replays the whole journal, checking the events of every batch.
`from_snapshot_s`: from a snapshot as old as they get (200,000 commands). Both are with the engine
compiled where it can be. `names_s`: reading the names of all orders ever placed, which a leader
does beside its first orders. `same_state`: both ended in the state of the engine that wrote it.
`takeover_...`: see `curb bench kills`, here of 5 kills.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from typing import Any

import asyncpg

from benchmarks import kills
from benchmarks._cloud import ROOT, Engines, running_engines
from cloud.exchange.retention import DUE_AFTER_COMMANDS
from launcher.compiled import CompileError, compiled_folder, variables

COMMANDS = 1_000_000
KILLS = 5

_HIDE = "CREATE TABLE hidden AS TABLE exchange_snapshots; DELETE FROM exchange_snapshots"
_SHOW = "INSERT INTO exchange_snapshots TABLE hidden"


def run(commands: int = COMMANDS) -> dict[str, float | int | str]:
    """Figures by name."""
    # Without a compiler the plain engine is measured, and misses the limits by a factor.
    with contextlib.suppress(CompileError):
        compiled_folder()
    with running_engines() as engines:
        built = _worker(
            engines, "build", str(commands), str(max(1_000, commands - DUE_AFTER_COMMANDS))
        )
        asyncio.run(_execute(engines, _HIDE))
        nothing = _worker(engines, "recover")
        asyncio.run(_execute(engines, _SHOW))
        snapshot = _worker(engines, "recover")
    same = nothing["hash"] == snapshot["hash"] == built["hash"]
    taken_over = kills.run(KILLS)
    return {
        "commands": nothing["sequence"],
        "resting_orders": built["resting_orders"],
        "from_nothing_s": round(nothing["recover_s"], 2),
        "from_snapshot_s": round(snapshot["recover_s"], 2),
        "replayed_after_snapshot": snapshot["sequence"] - snapshot["snapshot_sequence"],
        "names_s": round(snapshot["names_s"], 2),
        "names": built["orders"],
        "same_state": int(same and snapshot["snapshot_sequence"] > 0),
        "snapshot_process_s": round(built["snapshot_process_s"], 2),
        "snapshot_in_leader_would_stop_it_ms": round(built["snapshot_in_leader_would_stop_it_ms"]),
        "is_compiled": nothing["is_compiled"],
        "takeover_p50_s": taken_over["takeover_p50_s"],
        "takeover_max_s": taken_over["takeover_max_s"],
        "hung_takeover_s": taken_over["hung_takeover_s"],
        "lost": taken_over["lost"],
        "doubled": taken_over["doubled"],
    }


def _worker(engines: Engines, *arguments: str) -> dict[str, Any]:
    compiled = variables()
    path = os.pathsep.join(filter(None, (compiled.get("PYTHONPATH"), str(ROOT))))
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", "benchmarks._recovery_worker", *arguments],
        cwd=ROOT,
        env=dict(os.environ) | compiled | {"PYTHONPATH": path} | dict(engines.environment),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _execute(engines: Engines, statements: str) -> None:
    connection = await asyncpg.connect(engines.environment["CURB_DATABASE_URL"])
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
