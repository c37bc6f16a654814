"""What operations watches about market data."""

from typing import Final

from prometheus_client import Counter, Gauge

CONNECTIONS: Final = Gauge("curb_data_connections", "Open data stream connections.", ["feed"])
DROPPED: Final = Counter("curb_data_dropped", "Connections this side ended, by code.", ["code"])
RECORDED: Final = Counter("curb_data_recorded", "Rows of history written.", ["table"])
LOST: Final = Counter("curb_data_lost", "Rows of history given up: the database was away.")
