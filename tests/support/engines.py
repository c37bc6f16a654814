"""The real PostgreSQL and Valkey that tests run on: one of each per pytest process.

Nothing here that matters can be lost, so syncing to disk is off; all else is as in production.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redis

from launcher.engines.postgres import Postgres
from launcher.engines.valkey import Valkey
from launcher.ports import free_port

ROOT = Path(__file__).parents[2]
TEMPLATE = "curb_template"
# In a process of its own: Alembic starts an event loop, and the tests may be inside of one.
_MIGRATE = "import sys; from cloud.migrations.run import migrate; migrate(sys.argv[1])"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A private folder that goes away, with a path short enough for socket files."""
    folder = Path(tempfile.mkdtemp(prefix="curb-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server with nothing in it yet."""
    with scratch_folder() as folder:
        server = Postgres(
            folder / "postgres",
            port=free_port(),
            password=None,
            log_path=folder / "postgres.log",
            durable=False,
        )
        try:
            server.run()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def running_valkey() -> Iterator[Valkey]:
    """A server with nothing in it yet."""
    with scratch_folder() as folder:
        server = Valkey(
            folder / "valkey",
            port=free_port(),
            password="for-tests-only",
            log_path=folder / "valkey.log",
            durable=False,
        )
        try:
            server.run()
            yield server
        finally:
            server.stop()


def migrated_template(server: Postgres) -> str:
    """The name of a database with every migration applied, to be cloned; made at the first call."""
    if server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}';") == "1":
        return TEMPLATE
    url = server.create_database(TEMPLATE)
    done = subprocess.run(
        [sys.executable, "-c", _MIGRATE, url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        server.drop_database(TEMPLATE)
        raise RuntimeError(f"The migrations failed:\n{done.stdout}\n{done.stderr}")
    return TEMPLATE


def flush(server: Valkey) -> None:
    """Empty every database of the server."""
    with redis.Redis.from_url(server.url, protocol=3, socket_timeout=5) as client:
        client.flushall()
