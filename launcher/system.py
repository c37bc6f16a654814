"""One system while it runs: its folder, its children, its settings; shared by the steps of `up`."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launcher.data_folder import DataFolder
from launcher.engines.broker import NatsBroker
from launcher.engines.postgres import Postgres
from launcher.errors import ChildFailedError
from launcher.leftovers import started_at_s
from launcher.program import Program
from launcher.screen import LogIn
from launcher.settings import given_settings, is_given
from launcher.supervisor import Supervisor

_WISH_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.05


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
    trader_key: Mapping[str, str] = field(default_factory=dict)
    """The demo trader's API key, `key_id` and `secret`; empty before there is one."""
    postgres: Postgres | None = None
    cloud_broker: NatsBroker | None = None
    is_eager: bool = False
    """Start the next program while this one still loads: only where nothing is left to set up."""
    wishes: list[tuple[str, Callable[[], bool]]] = field(default_factory=list)
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
        """Start a child and look after it from then on; it is ready unless we are eager."""
        self.supervisor.launch(program)
        if not self.is_eager:
            self.supervisor.wait_ready(self.tick)
        self.note(is_up=False)

    def expect(self, wish: str, is_true: Callable[[], bool]) -> None:
        """Wait until something is so; if we are eager, before everything counts as up."""
        self.wishes.append((wish, is_true))
        if not self.is_eager:
            self.wait_for_all()

    def wait_for_all(self) -> None:
        """Wait for every program and every wish.

        Raises:
            ChildFailedError: one did not come.
        """
        self.supervisor.wait_ready(self.tick)
        while self.wishes:
            wish, is_true = self.wishes.pop(0)
            deadline = time.monotonic() + _WISH_WITHIN_S
            while not is_true():
                if time.monotonic() > deadline:
                    raise ChildFailedError(
                        f"{wish}: that did not come true within {_WISH_WITHIN_S:.0f} s. See the "
                        f"logs in {self.folder / 'logs'}."
                    )
                self.tick()
                time.sleep(_LOOK_EVERY_S)

    def note(self, *, is_up: bool) -> None:
        """Write down how things are, for `curb status`."""
        children: list[dict[str, Any]] = [
            {
                "name": child.program.name,
                "state": child.state,
                "pid": child.program.pid,
                "started_at_s": started_at_s(child.program.pid),
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
                "trader_key": dict(self.trader_key),
                "children": children,
            },
        )
