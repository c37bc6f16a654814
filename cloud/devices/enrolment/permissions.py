"""The cloud broker's list of clients, kept equal to the registry.

A broker that reloads drops at once whoever is gone from the list, which is how a revocation ends
a connection that is already there.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

import structlog

from cloud.devices.database import Pool
from cloud.devices.enrolment.broker_certificates import write_replacing
from cloud.devices.sites.tables import ENROLLED
from protocols.broker_acl import cloud_client, mosquitto_acl, nats_authorization, site_client

_SITES: Final = "SELECT id FROM sites WHERE state = $1 ORDER BY id"
_MOSQUITTO_SUFFIX: Final = ".acl"

log = structlog.get_logger()


class BrokerPermissions:
    """Writes the list and makes the broker read it.

    path: Path() where somebody else keeps the list; pid_file: Path() where nobody is to be told.
    """

    def __init__(self, pool: Pool, path: Path, pid_file: Path) -> None:
        self._pool = pool
        self._path = path
        self._pid_file = pid_file
        self._lock = asyncio.Lock()

    async def write(self) -> bool:
        """Bring the list up to date; whether it changed."""
        if self._path == Path():
            return False
        async with self._lock:
            async with self._pool.acquire() as connection:
                rows = await connection.fetch(_SITES, ENROLLED)
            clients = [cloud_client(), *(site_client(row["id"]) for row in rows)]
            is_mosquitto = self._path.suffix == _MOSQUITTO_SUFFIX
            text = mosquitto_acl(clients) if is_mosquitto else nats_authorization(clients)
            if not write_replacing(self._path, text, 0o600):
                return False
        self._make_broker_read()
        log.info("broker_permissions_written", clients=len(clients))
        return True

    def _make_broker_read(self) -> None:
        if self._pid_file == Path():
            return
        try:
            os.kill(int(self._pid_file.read_text()), signal.SIGHUP)
        except (OSError, ValueError) as error:
            # A broker that is not running reads the list when it starts.
            log.warning("broker_not_told", pid_file=str(self._pid_file), error=str(error))
