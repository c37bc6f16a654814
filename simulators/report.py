"""What a run showed: the invariants, each held or broken with the cases, and the figures.

Pure: facts in, findings out. A broken finding names what broke it, so that a person can look it up;
the seed to repeat the run stands beside it.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from protocols.portable import codes
from simulators.world import Attempt

CASES_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as the cloud stored it; `place` is its position in the cloud's own order."""

    place: int
    device: str
    boot: int
    seq: int
    kind: str
    at_ms: int | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay as the cloud priced it.

    is_abandoned: the card entered again without an exit in between that anybody saw.
    """

    tag: str
    entered_at_ms: int
    left_at_ms: int | None
    fee_cents: int | None
    is_abandoned: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a run left behind, once every queue on the way was empty.

    is_disturbed: whether gates were killed; then a passage may have happened unseen.
    """

    attempts: Sequence[Attempt]
    events: Sequence[StoredEvent]
    stays: Sequence[Stay]
    is_disturbed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: whether it held, and the first cases that broke it."""

    promise: str
    holds: bool
    broken: list[str] = field(default_factory=list)
    broken_count: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What `curb simulate` prints and writes."""

    scenario: str
    seed: int
    figures: dict[str, int | float | None]
    findings: list[Finding]
    stays_hash: str

    @property
    def ok(self) -> bool:
        """Whether every invariant held."""
        return all(finding.holds for finding in self.findings)

    def to_json(self) -> str:
        """One JSON object in one line."""
        return json.dumps({**asdict(self), "ok": self.ok}, sort_keys=True)

    def to_text(self) -> str:
        """For a person: a line an invariant, then the figures."""
        lines = [f"{self.scenario}, seed {self.seed}: " + ("held" if self.ok else "BROKEN")]
        for finding in self.findings:
            lines.append(f"  {'ok    ' if finding.holds else 'BROKEN'}  {finding.promise}")
            lines += [f"            {case}" for case in finding.broken]
            if finding.broken_count > len(finding.broken):
                lines.append(f"            and {finding.broken_count - len(finding.broken)} more")
        lines += [f"  {name:>28}  {value}" for name, value in self.figures.items()]
        lines.append(f"  {'stays_hash':>28}  {self.stays_hash}")
        return "\n".join(lines)


def _finding(promise: str, broken: Iterable[str]) -> Finding:
    cases = list(broken)
    return Finding(promise, not cases, cases[:CASES_SHOWN_MAX], len(cases))


def judge(scenario: str, seed: int, facts: Facts) -> Report:
    """Hold the facts of a run against what must always be true."""
    findings = [
        _finding("every event is stored once", _doubled(facts.events)),
        _finding("no event is lost", _lost(facts)),
        _finding("events of a device are stored in the order they were made", _unordered(facts)),
        _finding("no car passes without a grant", _ungranted(facts)),
        _finding("a card is never inside twice", _inside_twice(facts.stays)),
        _finding("every finished stay has a fee", _unpriced(facts.stays)),
    ]
    if not facts.is_disturbed:
        findings.append(_finding("every passage is recorded, and only those", _unrecorded(facts)))
        findings.append(_finding("every car that left ends its stay", _abandoned(facts.stays)))
    return Report(scenario, seed, _figures(facts), findings, stays_hash(facts.stays))


def stays_hash(stays: Iterable[Stay]) -> str:
    """The same for the same stays and fees, in whatever order they come."""
    rows = sorted((s.tag, s.entered_at_ms, s.left_at_ms, s.fee_cents) for s in stays)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of them lie; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _by_boot(events: Iterable[StoredEvent]) -> dict[tuple[str, int], list[StoredEvent]]:
    boots: dict[tuple[str, int], list[StoredEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.place):
        boots[event.device, event.boot].append(event)
    return boots


def _doubled(events: Iterable[StoredEvent]) -> Iterable[str]:
    keys = Counter((e.device, e.boot, e.seq) for e in events)
    return (f"{d} boot {b} seq {s}: stored {n} times" for (d, b, s), n in keys.items() if n > 1)


def _lost(facts: Facts) -> Iterable[str]:
    """Gaps in the numbers of a boot, but for as many as the gate itself says it dropped."""
    gone: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for (device, _), events in _by_boot(facts.events).items():
        gone[device] += max(e.seq for e in events) + 1 - len({e.seq for e in events})
        for event in events:
            if event.kind == codes.THINNED:
                told[device] += int(event.data["thinned"]) + int(event.data["lost"])
    return (
        f"{device}: {count} events are missing, {told[device]} of them dropped for lack of space"
        for device, count in gone.items()
        if count > told[device]
    )


def _unordered(facts: Facts) -> Iterable[str]:
    for (device, boot), events in _by_boot(facts.events).items():
        highest = -1
        for event in events:
            if event.seq < highest:
                yield f"{device} boot {boot}: seq {event.seq} stored after {highest}"
            highest = max(highest, event.seq)


def _ungranted(facts: Facts) -> Iterable[str]:
    return (
        f"{a.gate}: {a.car} passed" for a in facts.attempts if a.has_passed and not a.is_granted
    )


def _unrecorded(facts: Facts) -> Iterable[str]:
    seen = Counter(a.gate for a in facts.attempts if a.has_passed)
    told = Counter(e.device for e in facts.events if e.kind == codes.PASSAGE)
    for gate in sorted(seen.keys() | told.keys()):
        if seen[gate] != told[gate]:
            yield f"{gate}: {seen[gate]} cars passed, {told[gate]} passages recorded"


def _inside_twice(stays: Iterable[Stay]) -> Iterable[str]:
    by_tag: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        by_tag[stay.tag].append(stay)
    for tag, own in by_tag.items():
        ordered = sorted(own, key=lambda s: s.entered_at_ms)
        for earlier, later in pairwise(ordered):
            if earlier.is_abandoned:
                continue
            if earlier.left_at_ms is None or earlier.left_at_ms > later.entered_at_ms:
                yield f"tag {tag}: entered at {later.entered_at_ms} while still inside"


def _abandoned(stays: Iterable[Stay]) -> Iterable[str]:
    return (
        f"tag {s.tag}: the stay of {s.entered_at_ms} has no end" for s in stays if s.is_abandoned
    )


def _unpriced(stays: Iterable[Stay]) -> Iterable[str]:
    return (
        f"tag {s.tag} left at {s.left_at_ms} without a fee"
        for s in stays
        if s.left_at_ms is not None and s.fee_cents is None
    )


def _figures(facts: Facts) -> dict[str, int | float | None]:
    to_relay_ms = [a.to_relay_us / 1_000 for a in facts.attempts if a.to_relay_us is not None]
    fees = [s.fee_cents for s in facts.stays if s.fee_cents is not None]
    return {
        "attempts": len(facts.attempts),
        "granted": sum(a.is_granted for a in facts.attempts),
        "refused": sum(not a.is_granted for a in facts.attempts),
        "passed": sum(a.has_passed for a in facts.attempts),
        "events": len(facts.events),
        "stays": len(facts.stays),
        "stays_abandoned": sum(s.is_abandoned for s in facts.stays),
        "stays_finished": sum(s.left_at_ms is not None for s in facts.stays),
        "fees_cents": sum(fees),
        "tap_to_relay_p50_ms": round(median(to_relay_ms), 1) if to_relay_ms else None,
        "tap_to_relay_p99_ms": percentile(to_relay_ms, 0.99),
    }
