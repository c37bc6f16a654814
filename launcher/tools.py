"""Commands of `curb` that another program of ours answers: we start it and pass it on."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from launcher.data_folder import DataFolder, default_data_folder
from launcher.errors import ChildFailedError, NotRunningError
from launcher.settings import given_settings, is_given


def hand_over(module: str, arguments: Sequence[str]) -> int:
    """Run `python -m module ...` in this terminal; gives its exit code."""
    return _run([sys.executable, "-m", module, *arguments], dict(os.environ))


def stand_at_gate(data: Path | None, gate: str | None, pace: float | None) -> int:
    """Let a person drive one gate of the running system by hand; gives the exit code.

    Raises:
        NotRunningError: nothing runs there, or without simulated gates.
    """
    folder = DataFolder(data or default_data_folder())
    stage = folder / "simulation" / "stage.json"
    if folder.owner_pid() is None or not stage.exists():
        raise NotRunningError(f"No simulated gates run on {folder.path}. Start them with: curb up")
    chosen = () if gate is None else (gate,)
    faster = () if pace is None else ("--pace", str(pace))
    return hand_over("simulators", ("gate", str(stage), *chosen, *faster))


def run_cloud(data: Path | None, arguments: Sequence[str]) -> int:
    """Run `python -m cloud ...` against the running system's database; gives its exit code.

    Raises:
        NotRunningError: nothing runs there, and no CURB_DATABASE_URL says otherwise.
    """
    return _run([sys.executable, "-m", "cloud", *arguments], _cloud_environment(data))


def verify_audit(data: Path | None) -> dict[str, Any]:
    """What checking the audit trail of the running system found: `is_intact`, `rows`, the flaw.

    Raises:
        NotRunningError: as run_cloud.
        ChildFailedError: the check could not be made.
    """
    done = subprocess.run(
        [sys.executable, "-m", "cloud", "audit-verify"],
        env=_cloud_environment(data),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise ChildFailedError(f"The trail could not be checked: {done.stderr}") from error
    return found


def _cloud_environment(data: Path | None) -> dict[str, str]:
    folder = DataFolder(data or default_data_folder())
    if is_given("CURB_DATABASE_URL"):
        return dict(os.environ)
    if folder.owner_pid() is None:
        raise NotRunningError(
            f"Nothing runs on {folder.path}. Start it with `curb up`, or name a database in "
            "CURB_DATABASE_URL."
        )
    return dict(os.environ) | given_settings(folder)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    try:
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        # The child got the same Ctrl-C and has had its say.
        return 130
