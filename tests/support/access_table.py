"""The access decision table, ready for a decider's test."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols.portable import access, codes

PATH = Path(__file__).parents[2] / "protocols" / "examples" / "access_decisions.json"

DIRECTIONS = {"entry": codes.ENTRY, "exit": codes.EXIT}
READS = {
    "ok": codes.READ_OK,
    "nothing": codes.READ_NOTHING,
    "unreadable": codes.READ_UNREADABLE,
    "two_cards": codes.READ_TWO_CARDS,
}
KINDS = {
    "known": codes.KNOWN,
    "booking": codes.BOOKING,
    "permit": codes.PERMIT,
    "staff": codes.STAFF,
}
STATES = {
    "open": codes.OPEN,
    "full": codes.FULL,
    "closed": codes.CLOSED,
    "closed_to_all": codes.CLOSED_TO_ALL,
}
WALK_UPS = {
    "none": codes.WALK_UPS_NONE,
    "known": codes.WALK_UPS_KNOWN,
    "all": codes.WALK_UPS_ALL,
}
PASSBACKS = {
    "off": codes.PASSBACK_OFF,
    "soft": codes.PASSBACK_SOFT,
    "hard": codes.PASSBACK_HARD,
}
STALES = {
    "refuse": codes.STALE_REFUSE,
    "known": codes.STALE_KNOWN,
    "open": codes.STALE_OPEN,
}


@dataclass(frozen=True)
class Case:
    """One row; `rights` are (flags, from_s, until_s) and `expect` maps a decider to a reason."""

    name: str
    direction: int
    vehicle: bool
    read: int
    level: int
    copied: bool | None
    rights: list[tuple[int, int, int]]
    now_s: int | None
    lot: access.Lot
    inside: bool | None
    stale: bool
    expect: dict[str, str]


def flags_of(right: dict[str, Any]) -> int:
    """The flags byte of one right of the table."""
    flags = KINDS[right["kind"]]
    flags |= access.FLAG_ENTRY if "entry" in right["ways"] else 0
    flags |= access.FLAG_EXIT if "exit" in right["ways"] else 0
    flags |= access.FLAG_BLOCKED if right.get("blocked") else 0
    flags |= access.FLAG_OTHER_LOT if right.get("other_lot") else 0
    flags |= access.FLAG_SECURED if right.get("secured") else 0
    return flags


def cases() -> list[Case]:
    """Every case of the table, defaults filled in."""
    table = json.loads(PATH.read_text())
    found = []
    for row in table["cases"]:
        full = table["defaults"] | row
        lot = table["defaults"]["lot"] | row.get("lot", {})
        found.append(
            Case(
                name=full["name"],
                direction=DIRECTIONS[full["direction"]],
                vehicle=full["vehicle"],
                read=READS[full["read"]],
                level=full["level"],
                copied=full["copied"],
                rights=[(flags_of(r), r["from_s"], r["until_s"]) for r in full["rights"]],
                now_s=full["now_s"],
                lot=access.Lot(
                    STATES[lot["state"]],
                    WALK_UPS[lot["walk_ups"]],
                    PASSBACKS[lot["passback"]],
                    lot["level_min"],
                    STALES[lot["stale"]],
                ),
                inside=full["inside"],
                stale=full["stale"],
                expect=full["expect"],
            )
        )
    return found
