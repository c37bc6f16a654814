"""`curb replay-l3 PATH...`: every session of these folders and files; exits 1 on a difference."""

import json
import sys
from pathlib import Path

import click

from simulators.l3.recording import sessions
from simulators.l3.report import SessionReport, replay_session


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Replay recorded sessions (folders or NAME.in[.gz]) and compare trades and end books."""
    found = [session for path in paths for session in sessions(path)]
    if not found:
        raise click.UsageError(f"There is no session (*.in, *.in.gz) in {paths[0]}.")
    reports = [_replayed(path) for path in found]
    if as_json:
        click.echo(json.dumps([report.as_dict() for report in reports], indent=2))
    else:
        click.echo("\n".join(line for report in reports for line in report.sentences()))
    sys.exit(0 if all(report.is_equal for report in reports) else 1)


def _replayed(path: Path) -> SessionReport:
    try:
        return replay_session(path)
    except (ArithmeticError, KeyError, ValueError) as error:
        raise click.UsageError(f"{path} is no recording of this format: {error!r}.") from error


if __name__ == "__main__":
    main(prog_name="curb replay-l3")
