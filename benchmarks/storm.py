"""10,000 taps on 20 gates while agent, brokers, cloud and gates are killed (-9) at random.

Everything that a gate made durable must be in PostgreSQL afterwards: once, none lost, in order for
each device. Takes a quarter of an hour; CURB_STORM_TAPS makes it shorter.
"""

import asyncio
import os
import sys

import msgspec

from benchmarks._site import running_wide_site
from simulators.play import Run, play_rush
from simulators.report import Report
from simulators.scenario import load_scenario

GATES = 20
TAPS = 10_000
SEED = 7


def run() -> dict[str, float | int | str]:
    """Figures by name; `broken` counts the promises that did not hold."""
    report = asyncio.run(_storm(int(os.environ.get("CURB_STORM_TAPS", TAPS))))
    sys.stderr.write(report.to_text() + "\n")
    broken = [finding.promise for finding in report.findings if not finding.holds]
    figures: dict[str, float | int | str] = {
        name: value for name, value in report.figures.items() if value is not None
    }
    return figures | {"seed": report.seed, "broken": len(broken)}


async def _storm(taps: int) -> Report:
    plan = load_scenario("storm")
    plan = msgspec.structs.replace(plan, traffic=msgspec.structs.replace(plan.traffic, taps=taps))

    def say(line: str) -> None:
        sys.stderr.write(line + "\n")

    async with running_wide_site(GATES) as (system, stage):
        return await play_rush(Run("storm", plan, SEED, system.folder), system, stage, say)
