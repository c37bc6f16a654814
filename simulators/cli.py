"""The simulators' command line; `curb simulate` and `curb gate` hand over to it."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from pathlib import Path

import click

from simulators.world import Attempt


def _stop_on_terminate() -> None:
    """A supervisor's SIGTERM ends us as Ctrl-C does, so that every board is switched off."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@click.group()
def main() -> None:
    """Simulated gates, cars and faults."""


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

    _stop_on_terminate()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run_live(read_stage(stage), seed=seed, tell=tell))


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
        asyncio.run(run_console(found, gate, pace=pace))
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

    _stop_on_terminate()
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="curb-")))
        try:
            plan = load_scenario(scenario)
            report = asyncio.run(play(Run(scenario, plan, seed, folder.absolute()), say))
        except (ScenarioError, NotUpError, FleetError, NotSettledError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)
    click.echo(report.to_json() if as_json else report.to_text())
    sys.exit(0 if report.ok else 1)
