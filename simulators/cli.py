"""The simulators' command line; `curb simulate` and `curb gate` hand over to it."""

import asyncio
import contextlib
import json
import signal
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
