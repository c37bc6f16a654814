"""`curb doctor` on a running system: a question to each part, and how long the answer took."""

import asyncio
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from launcher.data_folder import DataFolder
from launcher.finding import Finding
from launcher.ports import LOOPBACK
from launcher.services import answers
from launcher.settings import given_settings, is_given
from launcher.status import read_sites
from launcher.venue_status import read_surveillance, surveillance_line

_WITHIN_S = 5.0
_SLOW_MS = 50.0
_SITE_SILENT_S = 15.0
_WATCHER_BEHIND_S = 60.0


def ask_running_system(folder: DataFolder) -> list[Finding]:
    """Ask every engine, the web API and each site; never raises for what it finds."""
    given = given_settings(folder)
    settings = {
        name: os.environ[name] if is_given(name) else given[name]
        for name in ("CURB_DATABASE_URL", "CURB_REDIS_URL", "CURB_MQTT_URL")
    }
    findings = asyncio.run(_ask_all(settings, folder / "cloud" / "ca"))
    return [*findings, _web(folder), _surveillance(folder), *_sites(folder)]


def _web(folder: DataFolder) -> Finding:
    port = folder.port("http")
    started_s = time.monotonic()
    if answers(port, "/readyz"):
        took_ms = (time.monotonic() - started_s) * 1000
        return Finding("web API", is_ok=True, says=f"Ready on port {port} ({took_ms:.0f} ms).")
    fix = f"Look at `curb status` and {folder.log_path('cloud')}."
    return Finding("web API", is_ok=False, says=f"Not ready on port {port}.", fix=fix)


def _surveillance(folder: DataFolder) -> Finding:
    watcher = read_surveillance(f"http://{LOOPBACK}:{folder.port('surveillance')}")
    is_ok = watcher is not None and watcher["watches"] and watcher["behind_s"] < _WATCHER_BEHIND_S
    fix = "" if is_ok else f"Look at `curb status` and {folder.log_path('surveillance')}."
    return Finding("surveillance", is_ok=is_ok, says=surveillance_line(watcher), fix=fix)


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
