"""The `curb` command line: it parses, calls one library function, prints.

Everything slow is imported inside the command that needs it, so that `curb --help` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from launcher.errors import ExitCode, LauncherError
from launcher.trade.commands import trade

_EPILOG = """
\b
Exit codes: 0 done; 1 failed, a finding or a missed limit; 2 misspelt command; 3 port taken;
4 already running on this data; 5 disk full, read-only or not yours; 6 something is not installed;
7 a program failed to start; 8 nothing is running; 9 refused as root; 130 stopped by Ctrl-C.
"""


class _Group(click.Group):
    """Turns our errors into one sentence on stderr and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except LauncherError as error:
            _fail(str(error), error.exit_code)


def _fail(sentence: str, code: ExitCode) -> NoReturn:
    click.echo(f"{click.style('curb:', fg='red', bold=True)} {sentence}", err=True)
    sys.exit(int(code))


def _print_json(content: object) -> None:
    click.echo(json.dumps(content, indent=2))


_data_option = click.option(
    "--data",
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CURB_HOME",
    show_envvar=True,
    help="The system's folder; by default ~/.local/share/curb.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="curb-exchange", prog_name="curb")
def main() -> None:
    """Run car parks and a trading venue on this machine."""


@main.command()
@_data_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Where the web API listens; remembered. 0 takes any free one. First time: 8000.",
)
@click.option("--no-sim", is_flag=True, help="Without simulated gates and drivers.")
@click.option("--fresh", is_flag=True, help="Delete this folder's data first and start anew.")
def up(data: Path | None, port: int | None, *, no_sim: bool, fresh: bool) -> None:
    """Start the whole system; Ctrl-C stops it, the data stays."""
    from launcher.up import UpOptions, run

    run(UpOptions(data=data, port=port, has_simulation=not no_sim, is_fresh=fresh))


@main.command()
@_data_option
@_json_option
def status(data: Path | None, *, as_json: bool) -> None:
    """Say what runs, since when, and where."""
    from launcher.status import print_status, read_status

    found = read_status(data)
    if as_json:
        _print_json(found)
    else:
        print_status(found)


@main.command()
@_data_option
@_json_option
@click.option("--port", type=click.IntRange(1, 65535), help="The port `curb up` would get.")
def doctor(data: Path | None, port: int | None, *, as_json: bool) -> None:
    """Examine this machine and the running system; each finding says the fix."""
    from launcher.doctor import examine, print_findings

    findings = examine(data, port)
    if as_json:
        _print_json({"ok": all(f.is_ok for f in findings), "findings": [f.shown for f in findings]})
    else:
        print_findings(findings)
    if not all(finding.is_ok for finding in findings):
        sys.exit(int(ExitCode.FAILED))


@main.command()
@click.argument("names", nargs=-1)
@click.option("--list", "is_list", is_flag=True, help="Name every benchmark.")
@click.option("--all", "is_all", is_flag=True, help="Run every benchmark.")
@click.option("--json", "_json", is_flag=True, help="JSON only (it always is the last line).")
def bench(names: tuple[str, ...], *, is_list: bool, is_all: bool, _json: bool) -> None:
    """Measure, and compare with benchmarks/limits.toml.

    The last line of the output is one JSON object; a missed limit is said and exits with 1.
    """
    from launcher.bench import catalogue, run_and_print

    if is_list:
        known = catalogue()
        width = max((len(name) for name in known), default=0)
        for name, says in known.items():
            click.echo(name if _json else f"{name:{width}}  {says}")
        return
    chosen = tuple(catalogue()) if is_all else names
    if not chosen:
        raise click.UsageError("Name a benchmark, or give --all; --list names them.")
    if not run_and_print(chosen, is_quiet=_json):
        sys.exit(int(ExitCode.FAILED))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulate(arguments: tuple[str, ...]) -> None:
    """Play a scenario from a seed and report: SCENARIO --seed N."""
    from launcher.tools import hand_over

    sys.exit(hand_over("simulators", ("simulate", *arguments)))


@main.command(
    "replay-l3", context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def replay_l3(arguments: tuple[str, ...]) -> None:
    """Replay recorded exchange sessions on the engine and compare: PATH... [--json]."""
    from launcher.tools import hand_over

    sys.exit(hand_over("simulators.l3", arguments))


@main.command()
@click.argument("gate", required=False)
@_data_option
@click.option("--pace", type=click.FloatRange(0.1, 20), help="Times faster than life.")
def gate(gate: str | None, data: Path | None, pace: float | None) -> None:
    """Stand at one simulated gate: drive cars, present cards, see lamps and arm."""
    from launcher.tools import stand_at_gate

    sys.exit(stand_at_gate(data, gate, pace))


main.add_command(trade)


@main.group()
def config() -> None:
    """Look at the settings."""


@config.command("show")
@_data_option
@_json_option
def config_show(data: Path | None, *, as_json: bool) -> None:
    """Print every setting with its value and where it comes from; secrets are hidden."""
    from launcher.settings import print_settings, shown_settings

    shown = shown_settings(data)
    if as_json:
        _print_json(shown)
    else:
        print_settings(shown)


@main.group()
def audit() -> None:
    """Look at the record of privileged acts."""


@audit.command("verify")
@_data_option
@_json_option
def audit_verify(data: Path | None, *, as_json: bool) -> None:
    """Check the chain of the audit trail; names the first row that was changed."""
    from launcher.tools import verify_audit

    found = verify_audit(data)
    if as_json:
        _print_json(found)
    elif found["is_intact"]:
        click.echo(f"All {found['rows']} rows are intact. The last one's MAC: {found['head_mac']}")
    else:
        click.echo(f"Row {found['first_flaw_sequence']} is flawed: {found['first_flaw']}")
    if not found["is_intact"]:
        sys.exit(int(ExitCode.FAILED))


@main.command()
@_data_option
def migrate(data: Path | None) -> None:
    """Bring the database to the newest shape; `curb up` does so by itself."""
    from launcher.tools import run_cloud

    sys.exit(run_cloud(data, ("migrate",)))


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script: eval "$(curb completion bash)"."""
    from click.shell_completion import get_completion_class

    kind: Any = get_completion_class(shell)
    click.echo(kind(main, {}, "curb", "_CURB_COMPLETE").source())
