"""What `curb status` says about the venue: read from the cloud's own metrics on this machine."""

import http.client
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

_WITHIN_S = 2.0
_SAMPLE_S = 0.5
_VENUE = "curb_exchange_"
_SURVEILLANCE = "curb_surveillance_"


def figures_in(text: str, prefix: str = _VENUE) -> dict[str, float]:
    """Figures without labels of that prefix, by name without it."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name.startswith(prefix) and "{" not in name:
            found[name.removeprefix(prefix)] = float(value)
    return found


def read_venue(base_url: str, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any] | None:
    """Who leads, what is listed, and what happens: over half a second.

    `leads`: whether this system's cloud runs the exchange. None: it does not answer.
    """
    before_s = time.monotonic()
    before = _figures(base_url)
    if not before:
        return None
    sleep(_SAMPLE_S)
    after, after_s = _figures(base_url), time.monotonic()
    if not after:
        return None
    per_s = {
        name: max(0.0, after.get(f"{name}_total", 0) - before.get(f"{name}_total", 0))
        / (after_s - before_s)
        for name in ("orders", "trades")
    }
    return {
        "leads": after.get("leading") == 1,
        "instruments": int(after.get("instruments", 0)),
        "sequence": int(after.get("sequence", 0)),
        "orders": int(after.get("orders_total", 0)),
        "trades": int(after.get("trades_total", 0)),
        "orders_per_s": round(per_s["orders"], 1),
        "trades_per_s": round(per_s["trades"], 1),
    }


def leads(base_url: str) -> bool:
    """Whether this system's cloud runs the exchange now."""
    return _figures(base_url).get("leading") == 1


def venue_line(venue: dict[str, Any] | None) -> str:
    """The same for people."""
    if venue is None:
        return "The venue does not answer."
    if not venue["leads"]:
        return "The venue stands by here: another process leads, or it starts."
    return (
        f"The venue leads here; {venue['instruments']} instruments; "
        f"{venue['orders_per_s']:.1f} orders/s and {venue['trades_per_s']:.1f} trades/s now; "
        f"{venue['orders']} orders and {venue['trades']} trades since the cloud started."
    )


def read_surveillance(base_url: str) -> dict[str, Any] | None:
    """How far behind the venue its watcher is; None: it does not answer.

    `watches`: whether it works; else another process does, or it starts, or waits for something.
    """
    figures = _figures(base_url, _SURVEILLANCE)
    if not figures:
        return None
    return {
        "watches": figures.get("watching") == 1,
        "sequence": int(figures.get("sequence", 0)),
        "behind_commands": int(figures.get("behind_commands", 0)),
        "behind_s": round(figures.get("behind_seconds", 0.0), 1),
    }


def surveillance_line(watcher: dict[str, Any] | None) -> str:
    """The same for people."""
    if watcher is None:
        return "Surveillance does not answer."
    if not watcher["watches"]:
        return "Surveillance stands by here: another process watches, or it starts."
    if not watcher["behind_commands"]:
        return "Surveillance has seen everything."
    return (
        f"Surveillance is {watcher['behind_commands']} commands behind the venue "
        f"({watcher['behind_s']:.1f} s)."
    )


def _figures(base_url: str, prefix: str = _VENUE) -> dict[str, float]:
    parts = urlsplit(base_url)
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_WITHIN_S)
    try:
        with closing(link):
            link.request("GET", "/metrics")
            answer = link.getresponse()
            return figures_in(answer.read().decode(), prefix) if answer.status == 200 else {}
    except (OSError, http.client.HTTPException):
        return {}
