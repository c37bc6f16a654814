"""Tells the site's broker which certificates it admits: the agent and the site's gates, no other.

The file is replaced in one step and only when it says something else; SIGHUP makes the broker read
it. nats-server then drops at once the live link of whoever is gone from it.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from protocols.broker_acl import agent_client, gate_client, mosquitto_acl, nats_authorization
from protocols.enrolment import site_common_name

log = structlog.get_logger()


class BrokerUsers:
    """Writes one broker's permissions.

    users_file: None when somebody else keeps them.
    pid_file: None when somebody else makes the broker read them.
    kind: "nats" or "mosquitto".
    """

    def __init__(
        self, site: str, *, users_file: Path | None, pid_file: Path | None, kind: str
    ) -> None:
        self._site = site
        self._users_file = users_file
        self._pid_file = pid_file
        self._render = mosquitto_acl if kind == "mosquitto" else nats_authorization

    def admit(self, gates: Iterable[str]) -> bool:
        """Admit these gates and nobody else; returns whether anything changed."""
        if self._users_file is None:
            return False
        clients = [agent_client(self._site), *(gate_client(gate) for gate in sorted(gates))]
        text = self._render(clients)
        try:
            if self._users_file.exists() and self._users_file.read_text() == text:
                return False
            fresh = self._users_file.with_suffix(".new")
            fresh.write_text(text)
            fresh.chmod(0o600)
            os.replace(fresh, self._users_file)
        except OSError as error:
            log.error("broker_users_not_written", why=str(error))  # noqa: TRY400 - a full disk
            return False
        self._reload()
        return True

    def admit_agent(self) -> bool:
        """Admit ourselves; whoever is admitted stays. Returns whether anything changed.

        For an agent that has no picture of its site yet: one whose disk was replaced must not throw
        out gates that are at work.
        """
        if self._users_file is None:
            return False
        with suppress(OSError):
            if site_common_name(self._site) in self._users_file.read_text():
                return False
        return self.admit(())

    def _reload(self) -> None:
        if self._pid_file is None:
            return
        try:
            os.kill(int(self._pid_file.read_text()), signal.SIGHUP)
        except (OSError, ValueError) as error:
            # It reads the file when it starts.
            log.info("broker_not_reloaded", why=str(error))
