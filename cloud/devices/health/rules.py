"""A site's report, cut to what is kept of it; pure."""

from typing import Any

from protocols.site import GateHealth

_INT64_MAX = 2**63 - 1
_TEXT_MAX = 200


def gate_fields(health: GateHealth) -> dict[str, Any]:
    """Columns of GateHealthRow from what the agent passed on of a gate's own report.

    The gate's report comes through the agent as it was, so nothing about it is certain: a field of
    the wrong type or size counts as not said.
    """
    report = health.report or {}
    return {
        "lane_state": _text(report.get("lane")),
        "reader": _text(report.get("reader")),
        "clock": _text(report.get("clock")),
        "firmware": _text(report.get("firmware")),
        "list_version": _number(report.get("list_version")),
        "list_hash": _text(report.get("list_hash")),
        "outbox": _number(report.get("outbox")),
        "heap_free": _number(report.get("heap_free")),
        "rssi_dbm": _rssi(report.get("rssi_dbm")),
        "problem": _text(report.get("problem")),
    }


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value.replace("\x00", "?").encode(errors="replace").decode()[:_TEXT_MAX]


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _INT64_MAX else None


def _rssi(value: object) -> int | None:
    return value if isinstance(value, int) and -200 <= value <= 0 else None
