"""What operations watches about the live WebSocket."""

from typing import Final

from prometheus_client import Counter, Gauge

CONNECTIONS: Final = Gauge("curb_live_connections", "Open WebSocket connections.")
LOCAL_ROOMS: Final = Gauge("curb_live_rooms", "Rooms this process listens to.")
PUBLISHED: Final = Counter("curb_live_published", "Events published to rooms.", ["kind"])
SENT: Final = Counter("curb_live_sent", "Event frames handed to connections.")
CLOSED: Final = Counter("curb_live_closed", "Connections this side closed, by reason.", ["code"])
RESYNCED: Final = Counter("curb_live_resynced", "Times a room was brought up to date from history.")
RESET: Final = Counter("curb_live_reset", "Times a room's members needed a new snapshot.")
