"""What calls for a person, read off events and reports; pure.

A condition (a gate offline, a fault) is raised once and cleared when it ends; a happening (a copied
card) is raised each time and ends when somebody acknowledges it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cloud.devices.events import StoredEvent
from protocols.enrolment import site_common_name
from protocols.portable import codes, topics
from protocols.site import GateHealth, SiteReport

SITE_OFFLINE: Final = "site_offline"
GATE_OFFLINE: Final = "gate_offline"
FAULT: Final = "fault"
READER: Final = "reader"
CLOCK_UNSET: Final = "clock_unset"
LIST_REFUSED: Final = "list_refused"
COPIED_CARD: Final = "copied_card"
COMMAND_REFUSED: Final = "command_refused"
QUARANTINED: Final = "quarantined"
FOREIGN_CERTIFICATE: Final = "foreign_certificate"

_HAPPENINGS: Final = frozenset({COPIED_CARD, COMMAND_REFUSED, QUARANTINED, FOREIGN_CERTIFICATE})

# An answer or an order that came too late is daily business; these are somebody trying.
_SUSPICIOUS: Final = frozenset(
    {
        codes.REFUSED_MAC,
        codes.REFUSED_DEVICE,
        codes.REFUSED_EXPIRED,
        codes.REFUSED_REPLAY,
        codes.REFUSED_MALFORMED,
        codes.REFUSED_VERSION,
    }
)


@dataclass(frozen=True, slots=True)
class Raise:
    """Raise an alert, unless the same is raised already; see AlertRow for `key`."""

    site: str
    device: str
    kind: str
    key: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clear:
    """End a condition, if it is raised."""

    device: str
    kind: str
    key: str = ""


Change = Raise | Clear


def is_happening(kind: str) -> bool:
    """Whether acknowledging an alert of this kind also ends it."""
    return kind in _HAPPENINGS


def alerts_of_event(event: StoredEvent) -> list[Change]:
    """What one event changes about the alerts; what each kind carries is in protocols/README.md."""
    if event.kind not in _TELLING:
        return []
    site, facts = event.site, event.facts()
    device = _gate_of(event, facts)
    happening = f"{event.device}/{event.boot}/{event.seq}"
    match event.kind:
        case codes.FAULT if facts.get("code") == FOREIGN_CERTIFICATE:
            return [Raise(site, device, FOREIGN_CERTIFICATE, happening, facts)]
        case codes.FAULT:
            return [Raise(site, device, FAULT, _code(facts), facts)]
        case codes.RESTORED:
            return [Clear(device, FAULT, _code(facts))]
        case codes.GATE_OFFLINE:
            return [Raise(site, device, GATE_OFFLINE)]
        case codes.GATE_ONLINE:
            return [Clear(device, GATE_OFFLINE)]
        case codes.COPIED_CARD:
            return [Raise(site, device, COPIED_CARD, happening, facts)]
        case codes.QUARANTINED:
            return [Raise(site, device, QUARANTINED, str(facts.get("reason", ""))[:32], facts)]
        case codes.COMMAND if _is_suspicious(facts.get("result")):
            return [Raise(site, device, COMMAND_REFUSED, happening, facts)]
        case codes.LIST:
            return [_condition(site, device, LIST_REFUSED, facts.get("problem"))]
        case codes.READER:
            health = facts.get("health")
            return [_condition(site, device, READER, health if health in _BAD_READER else None)]
    return []


_BAD_READER: Final = ("hung", "wiring")
_TELLING: Final = frozenset(
    {
        codes.FAULT,
        codes.RESTORED,
        codes.GATE_OFFLINE,
        codes.GATE_ONLINE,
        codes.COPIED_CARD,
        codes.QUARANTINED,
        codes.COMMAND,
        codes.LIST,
        codes.READER,
    }
)


def alerts_of_report(report: SiteReport, gates: Sequence[str]) -> list[Change]:
    """What a site's report changes about the alerts.

    gates: ids of the site's gates that should be working; others in the report say nothing.
    """
    agent = site_common_name(report.site)
    changes: list[Change] = [
        Clear(agent, SITE_OFFLINE),
        _condition(report.site, agent, LIST_REFUSED, report.rights_problem),
    ]
    for health in report.gates:
        if health.gate in gates:
            changes += _alerts_of_gate(report.site, health)
    return changes


def _alerts_of_gate(site: str, health: GateHealth) -> list[Change]:
    gate = health.gate
    if not health.online:
        return [Raise(site, gate, GATE_OFFLINE)]
    changes: list[Change] = [Clear(gate, GATE_OFFLINE)]
    report = health.report
    if report is None:
        return changes
    clock, reader = report.get("clock"), report.get("reader")
    changes.append(
        _condition(site, gate, CLOCK_UNSET, clock if clock == codes.CLOCK_UNSET else None)
    )
    changes.append(_condition(site, gate, READER, reader if reader in _BAD_READER else None))
    return changes


def _is_suspicious(result: object) -> bool:
    # A gate's event may say anything: a list has no hash, and asking for it would raise.
    return isinstance(result, str) and result in _SUSPICIOUS


def _condition(site: str, device: str, kind: str, problem: object) -> Change:
    if problem is None:
        return Clear(device, kind)
    return Raise(site, device, kind, detail={"problem": str(problem)})


def _gate_of(event: StoredEvent, facts: Mapping[str, Any]) -> str:
    """Agents tell of gates: the event's device is the agent then, and its data names the gate."""
    named = facts.get("gate")
    return named if isinstance(named, str) and topics.is_slug(named) else event.device


def _code(facts: Mapping[str, Any]) -> str:
    """Which fault; a gate may have several at a time."""
    return str(facts.get("code", ""))[:32]
