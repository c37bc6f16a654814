"""Commands of `curb` that another program of ours answers: we start it and pass it on."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher.data_folder import DataFolder, default_data_folder
from launcher.errors import NotRunningError
from launcher.settings import given_settings, is_given


def hand_over(module: str, arguments: Sequence[str]) -> int:
    """Run `python -m module ...` in this terminal; gives its exit code."""
    return _run([sys.executable, "-m", module, *arguments], dict(os.environ))


def run_cloud(data: Path | None, arguments: Sequence[str]) -> int:
    """Run `python -m cloud ...` against the running system's database; gives its exit code.

    Raises:
        NotRunningError: nothing runs there, and no CURB_DATABASE_URL says otherwise.
    """
    folder = DataFolder(data or default_data_folder())
    environment = dict(os.environ)
    if not is_given("CURB_DATABASE_URL"):
        if folder.owner_pid() is None:
            raise NotRunningError(
                f"Nothing runs on {folder.path}. Start it with `curb up`, or name a database in "
                "CURB_DATABASE_URL."
            )
        environment |= given_settings(folder)
    return _run([sys.executable, "-m", "cloud", *arguments], environment)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    try:
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        # The child got the same Ctrl-C and has had its say.
        return 130
