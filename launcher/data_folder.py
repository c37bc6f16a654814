"""Where one system keeps everything that must outlive a restart, and the lock that keeps it one.

lock            held by the `curb up` that owns the folder; holds its process id
ports.json      the ports chosen at the first start
secrets.json    passwords generated at the first start; only the owner may read it
running.json    what `curb status` shows; there while the system runs
market.json     the API key of the demo's trader; traders.json, those of the simulated ones
logs/           one file per child, rotated
postgres/ valkey/ broker/ cloud/ site/    what each program keeps
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from launcher.errors import AlreadyRunningError, DiskError
from launcher.ports import lasting_port

# A new cluster takes 60 MB and its write-ahead log may grow to 1 GB before it is trimmed.
FREE_BYTES_MIN = 300_000_000
_PASSWORD_BYTES = 24
_OURS = ("ports.json", "secrets.json", "running.json", "logs", "postgres", "valkey", "broker")
_TRADING = ("market.json", "traders.json")
_OURS_TOO = ("cloud", "site", "simulation", "migrated.json", "demo.json", *_TRADING)


def default_data_folder() -> Path:
    """Where `curb up` keeps its data unless told otherwise; CURB_HOME moves it."""
    if chosen := os.environ.get("CURB_HOME"):
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "curb"


class DataFolder:
    """One system's folder; `open` it before anything is written."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    def __truediv__(self, part: str) -> Path:
        return self.path / part

    def log_path(self, name: str) -> Path:
        """Where the child of that name writes."""
        return self.path / "logs" / f"{name}.log"

    @contextlib.contextmanager
    def open(
        self, free_bytes: Callable[[Path], int] = lambda p: shutil.disk_usage(p).free
    ) -> Iterator[None]:
        """Make sure the folder can be used, and own it until the block ends.

        Raises:
            DiskError: it cannot be written, or the disk is nearly full.
            AlreadyRunningError: another `curb up` owns it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Held by being open; a file of its own, so that --fresh can empty the rest.
            lock = os.open(self / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise disk_error(error, self.path) from error
        try:
            self._take(lock)
            if (free := free_bytes(self.path)) < FREE_BYTES_MIN:
                raise DiskError(
                    f"Only {free // 1_000_000} MB are free on the disk of {self.path}; Curb needs "
                    f"{FREE_BYTES_MIN // 1_000_000} MB. Free some space, or choose another disk "
                    "with --data."
                )
            yield
        finally:
            os.close(lock)

    def owner_pid(self) -> int | None:
        """The process id of the `curb up` that owns the folder now, if there is one."""
        try:
            lock = os.open(self / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(lock)
        finally:
            os.close(lock)
        return None

    def empty(self) -> None:
        """Delete everything Curb keeps here, and nothing else that may lie beside it."""
        for name in (*_OURS, *_OURS_TOO):
            target = self / name
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def is_new(self) -> bool:
        """Whether no system was ever started here."""
        return not (self / "secrets.json").exists()

    def port(self, name: str) -> int:
        """The port remembered under that name; a free one is chosen at the first call."""
        ports = self.read("ports.json")
        if name not in ports:
            self.remember_port(name, _lasting_port_not_in(ports.values()))
        return int(self.read("ports.json")[name])

    def remember_port(self, name: str, port: int) -> None:
        """Use this port from now on."""
        self.write("ports.json", self.read("ports.json") | {name: port})

    def remembered_port(self, name: str) -> int | None:
        """The port of that name, if one was chosen already."""
        return self.read("ports.json").get(name)

    def secret(self, name: str) -> str:
        """The password remembered under that name; made at the first call."""
        known = self.read("secrets.json")
        if name not in known:
            known = known | {name: secrets.token_urlsafe(_PASSWORD_BYTES)}
            self.write("secrets.json", known)
        return str(known[name])

    def read(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON files; empty when it is not there."""
        try:
            content: dict[str, Any] = json.loads((self / name).read_text())
        except FileNotFoundError:
            return {}
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace one of the folder's JSON files in one step; only the owner may read it.

        Raises:
            DiskError: it could not be written.
        """
        fresh = self / f".{name}.new"
        try:
            with os.fdopen(
                os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
            ) as out:
                json.dump(content, out, indent=1)
            fresh.replace(self / name)
        except OSError as error:
            raise disk_error(error, self.path) from error

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(
                f"Another `curb up` (process {_pid_in(lock)}) already runs on {self.path}. See it "
                "with `curb status`, stop it with Ctrl-C, or give this one its own folder with "
                "--data."
            ) from error
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise disk_error(error, self.path) from error


def disk_error(error: OSError, path: Path) -> DiskError:
    """The sentence for a failure to write below `path`."""
    where = error.filename or path
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            said = f"The disk of {path} is full. Free some space, or choose another with --data."
        case errno.EROFS:
            said = f"{path} is on a read-only disk. Choose a folder you can write to with --data."
        case errno.EACCES | errno.EPERM:
            said = (
                f"You may not write to {where}. Choose another folder with --data, or change its "
                f"owner: sudo chown -R $USER {path}"
            )
        case _:
            said = f"{path} cannot be used for data: {error}. Choose another folder with --data."
    return DiskError(said)


def _pid_in(lock: int) -> int | None:
    text = os.pread(lock, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None


def _lasting_port_not_in(taken: Any) -> int:  # noqa: ANN401 - the values of a JSON object
    while (port := lasting_port()) in taken:
        pass
    return port
