"""One system while it runs: its folder, its children, its settings; shared by the steps of `up`."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launcher.data_folder import DataFolder
from launcher.engines.broker import NatsBroker
from launcher.engines.postgres import Postgres
from launcher.program import Program
from launcher.screen import LogIn
from launcher.settings import given_settings, is_given
from launcher.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the person asked for on the command line."""

    data: Path | None
    port: int | None
    has_simulation: bool
    is_fresh: bool


@dataclass
class System:
    """What the steps of `up` work on.

    tick: called while waiting; raises when the person wants to stop.
    """

    folder: DataFolder
    options: UpOptions
    supervisor: Supervisor
    tick: Callable[[], None]
    urls: dict[str, str] = field(default_factory=dict)
    log_ins: list[LogIn] = field(default_factory=list)
    postgres: Postgres | None = None
    cloud_broker: NatsBroker | None = None
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def variables(self) -> dict[str, str]:
        """The CURB_ variables that the cloud gets on top of our environment."""
        return given_settings(self.folder)

    def setting(self, name: str) -> str:
        """One setting of the cloud, given by the person or by us."""
        return self.variables.get(name) or os.environ[name]

    def is_given(self, name: str) -> bool:
        """Whether the person named this engine's URL, so that ours is not started."""
        return is_given(name)

    def start(self, program: Program) -> None:
        """Start a child, wait until it is ready, look after it from then on."""
        self.supervisor.start(program, self.tick)
        self.note(is_up=False)

    def note(self, *, is_up: bool) -> None:
        """Write down how things are, for `curb status`."""
        children: list[dict[str, Any]] = [
            {
                "name": child.program.name,
                "state": child.state,
                "pid": child.program.pid,
                "restarts": child.restarts,
                "log": str(child.program.log_path),
            }
            for child in self.supervisor.children
        ]
        self.folder.write(
            "running.json",
            {
                "is_up": is_up,
                "started_at": self._started_at.isoformat(timespec="seconds"),
                "urls": self.urls,
                "log_ins": [
                    {"role": who.role, "email": who.email, "password": who.password}
                    for who in self.log_ins
                ],
                "children": children,
            },
        )
