"""The simulators' command line; `curb simulate` and `curb gate` hand over to it."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import click

from simulators.world import Attempt

T = TypeVar("T")


def _run(work: Coroutine[None, None, T]) -> T | None:
    """Run until it ends or somebody stops us (None), by Ctrl-C or as a supervisor does.

    However often we are told, the work is cancelled once, so that every board is switched off.
    """

    async def until_stopped() -> T | None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return None

    return asyncio.run(until_stopped())


@click.group()
def main() -> None:
    """Simulated gates, cars, traders and faults."""


@main.command()
@click.argument("stage", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seed", type=int, default=1, show_default=True)
def live(stage: Path, seed: int) -> None:
    """Let traffic flow through the gates of STAGE until stopped; a JSON line for each driver."""
    from simulators.live import run_live
    from simulators.stage import read_stage

    def tell(attempt: Attempt) -> None:
        line = {"gate": attempt.gate, "card": attempt.uid, "reason": attempt.reason}
        click.echo(json.dumps(line | {"passed": attempt.has_passed}))

    _run(run_live(read_stage(stage), seed=seed, tell=tell))


@main.command()
@click.argument("stage", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seed", type=int, default=1, show_default=True)
def market(stage: Path, seed: int) -> None:
    """Let makers, takers, noise and momentum trade on the venue of STAGE until stopped."""
    from simulators.market.live import run_market
    from simulators.market.stage import read_market_stage

    click.echo(json.dumps({"seed": seed}))
    _run(run_market(read_market_stage(stage), seed=seed, tell=click.echo))


@main.command()
@click.argument("stage", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("gate", required=False)
@click.option("--pace", type=click.FloatRange(0.1, 20), default=1.0, help="Times faster than life.")
def gate(stage: Path, gate: str | None, pace: float) -> None:
    """Stand at one GATE of STAGE: drive cars up, hold up cards, see lamps, display and arm."""
    from simulators.console import GateTakenError, run_console
    from simulators.stage import read_stage

    found = read_stage(stage)
    known = [each.gate for each in found.gates]
    if gate is None:
        gate = click.prompt("Which gate", type=click.Choice(known), default=known[0])
    elif gate not in known:
        raise click.UsageError(f"There is no gate {gate} here, but {', '.join(known)}.")
    if not sys.stdin.isatty():
        raise click.UsageError("This needs a terminal: it reads single keys.")
    try:
        _run(run_console(found, gate, pace=pace))
    except GateTakenError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("scenario")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same run.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Play in this folder and leave it: logs, consoles, databases.",
)
def simulate(scenario: str, seed: int, *, as_json: bool, keep: Path | None) -> None:
    """Play SCENARIO on a system of its own, then report what held; exits with 1 if something broke.

    SCENARIO is a name (recorded-day, commuter-day, storm...) or the path of a .toml file.
    """
    from simulators.fleet import FleetError
    from simulators.play import NotSettledError, Run, play
    from simulators.scenario import ScenarioError, load_scenario
    from simulators.system import NotUpError

    def say(line: str) -> None:
        click.echo(click.style(line, dim=True), err=True)

    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="curb-")))
        try:
            plan = load_scenario(scenario)
            report = _run(play(Run(scenario, plan, seed, folder.absolute()), say))
        except (ScenarioError, NotUpError, FleetError, NotSettledError) as error:
            raise click.ClickException(str(error)) from error
    if report is None:
        sys.exit(130)
    click.echo(report.to_json() if as_json else report.to_text())
    sys.exit(0 if report.ok else 1)
