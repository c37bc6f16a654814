"""What operations watches about the event stream."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED: Final = Counter("curb_events_published", "Events the relay published.", ["topic"])
REPUBLISHED: Final = Counter(
    "curb_events_republished", "Events published again because the stream forgot them."
)
WAITING_AGE: Final = Gauge(
    "curb_outbox_oldest_seconds", "Age of the oldest event that waits in the outbox."
)
IS_LEADING: Final = Gauge("curb_relay_leading", "1 where this process is the one relay.")
HANDLED: Final = Counter(
    "curb_events_handled", "Events by what became of them.", ["group", "outcome"]
)
HANDLING: Final = Histogram(
    "curb_event_handling_seconds",
    "Time a handler takes for one event.",
    ["group"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAG: Final = Gauge(
    "curb_events_group_lag",
    "Events of a stream a group has not been given yet.",
    ["group", "stream"],
)
TRIMMED_UNREAD: Final = Counter(
    "curb_events_trimmed_unread",
    "Events cut from a stream before a group had handled them.",
    ["group"],
)
