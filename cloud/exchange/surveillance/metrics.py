"""Prometheus metrics of surveillance: whether it works here, and how far behind the venue."""

from typing import Final

from prometheus_client import Counter, Gauge

WATCHING: Final = Gauge(
    "curb_surveillance_watching", "1 where this process is the one that watches, and can."
)
SEQUENCE: Final = Gauge("curb_surveillance_sequence", "The number of the last command seen.")
BEHIND_COMMANDS: Final = Gauge(
    "curb_surveillance_behind_commands", "Committed commands that were not seen yet."
)
BEHIND_S: Final = Gauge(
    "curb_surveillance_behind_seconds",
    "From the last command seen to the last one committed, in the venue's time.",
)
FINDINGS: Final = Counter("curb_surveillance_findings", "Findings stored, repetitions included.")
INTERRUPTED: Final = Counter(
    "curb_surveillance_interrupted",
    "Times that it had to begin anew from its stored place.",
    ["cause"],
)
OUTAGE: Final = INTERRUPTED.labels("outage")
FAILURE: Final = INTERRUPTED.labels("failure")
