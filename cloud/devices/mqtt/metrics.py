"""What operations watches about the link to the sites."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

STORED: Final = Counter("curb_device_events_stored", "Device events stored for the first time.")
DOUBLED: Final = Counter("curb_device_events_doubled", "Device events that were stored before.")
QUARANTINED: Final = Counter(
    "curb_device_payloads_quarantined", "Payloads and events set aside.", ["reason"]
)
DROPPED: Final = Counter("curb_device_batches_dropped", "Batches refused because too many waited.")
STORED_AFTER: Final = Histogram(
    "curb_device_batch_seconds",
    "From a batch's arrival to its acknowledgement.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
SITES_ONLINE: Final = Gauge("curb_sites_online", "Sites whose agent is connected.")
COMMANDS: Final = Counter("curb_device_commands", "Commands by how they ended.", ["op", "state"])
LISTS_SENT: Final = Counter("curb_rights_lists_sent", "Rights lists sent.", ["form"])
UNTOLD: Final = Counter("curb_device_events_untold", "Events that watchers were not told of.")
