"""What `curb status` says: read from the running system's own note, checked against its lock."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from launcher.data_folder import DataFolder, default_data_folder
from launcher.errors import NotRunningError
from launcher.ports import LOOPBACK
from launcher.venue_status import read_surveillance, read_venue, surveillance_line, venue_line


def read_status(data: Path | None) -> dict[str, Any]:
    """The running system: `pid`, `data`, `started_at`, `is_up`, `urls`, `children`, `venue`, ...

    Raises:
        NotRunningError: nothing runs on that folder.
    """
    folder = DataFolder(data or default_data_folder())
    pid = folder.owner_pid()
    if pid is None:
        raise NotRunningError(f"Nothing runs on {folder.path}. Start it with: curb up")
    known = {"pid": pid, "data": str(folder.path), "is_up": False, "sites": read_sites(folder)}
    running: dict[str, Any] = known | folder.read("running.json")
    base_url = running.get("urls", {}).get("Web API", "").removesuffix("/api/v1")
    is_up = running["is_up"]
    watcher_url = f"http://{LOOPBACK}:{folder.remembered_port('surveillance')}"
    return running | {
        "venue": read_venue(base_url) if is_up else None,
        "surveillance": read_surveillance(watcher_url) if is_up else None,
    }


def read_sites(folder: DataFolder) -> list[dict[str, Any]]:
    """What each edge agent on this machine last wrote about its site; `age_s` says how long ago."""
    sites = []
    for path in sorted(folder.path.glob("site/*/agent/health.json")):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            facts = json.loads(path.read_text())
            sites.append(facts | {"age_s": round(time.time() - path.stat().st_mtime, 1)})
    return sites


def print_status(status: dict[str, Any]) -> None:
    """The same for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    state = "is up" if status["is_up"] else "is starting or stopping"
    console.print(
        f"Curb {state}: process {status['pid']}, data in {status['data']}", soft_wrap=True
    )
    for name, url in status.get("urls", {}).items():
        console.print(f"  {name}: {url}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2))
    for column in ("program", "state", "process", "restarts"):
        table.add_column(column)
    for child in status.get("children", []):
        pid = str(child["pid"] or "")
        table.add_row(child["name"], child["state"], pid, str(child["restarts"]))
    console.print(table)
    if status["is_up"]:
        console.print(venue_line(status["venue"]), soft_wrap=True)
        console.print(surveillance_line(status["surveillance"]), soft_wrap=True)
    for site in status["sites"]:
        online = sum(bool(gate["online"]) for gate in site["gates"].values())
        link = "reaches the cloud" if site["cloud_in_touch"] else "does not reach the cloud"
        console.print(
            f"Site {site['site']} {link}; {online} of {len(site['gates'])} gates online; "
            f"{site['outbox']} events wait; said {site['age_s']:.0f} s ago.",
            soft_wrap=True,
        )
