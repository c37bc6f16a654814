"""Keeps the children alive: starts them in order, restarts whoever dies, stops them in reverse.

One thread, no signals of its own: `up` calls `look` a few times a second. A child that keeps dying
is restarted ever more slowly, and every death and return is said once.
"""

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from launcher.errors import ChildFailedError
from launcher.program import Program

_DELAY_S_MIN = 0.5
_DELAY_S_MAX = 30.0
# A child that lived this long died of something new: its back-off starts over.
_HEALTHY_AFTER_S = 60.0
_LOG_BYTES_MAX = 8_000_000
_LOGS_KEPT = 3


def restart_delay_s(deaths: int, draw: float) -> float:
    """How long to wait before a child is started again.

    deaths: how often it died without having lived well in between, 1 for the first.
    draw: uniform in [0, 1); children that fell together must not rise together.
    """
    ceiling = min(_DELAY_S_MAX, _DELAY_S_MIN * 2.0 ** min(deaths - 1, 16))
    return ceiling * (0.5 + 0.5 * draw)


class Child:
    """One supervised program and what became of it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.state = "starting"
        self.deaths = 0
        self.restarts = 0
        self.started_at_s = 0.0
        self.next_start_at_s = 0.0


class Supervisor:
    """Owns the running children; the order they were added in is the order they depend in.

    say: called with one sentence for each death and return.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        now_s: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._say = say
        self._now_s = now_s
        self._draw = draw
        self.children: list[Child] = []

    def start(self, program: Program, tick: Callable[[], None] = lambda: None) -> None:
        """Start a program, wait until it is ready, and look after it from then on.

        Raises:
            ChildFailedError: it does not become ready.
        """
        self.launch(program)
        self.wait_ready(tick)

    def launch(self, program: Program) -> None:
        """Start a program without waiting for it.

        Raises:
            ChildFailedError: it cannot be executed.
        """
        child = Child(program)
        child.started_at_s = self._now_s()
        program.start()
        self.children.append(child)

    def wait_ready(self, tick: Callable[[], None] = lambda: None) -> None:
        """Wait until everything launched so far is ready.

        Raises:
            ChildFailedError: one of them does not become ready.
        """
        for child in self.children:
            if child.state == "starting":
                child.program.wait_ready(tick)
                child.state = "ready"

    def look(self) -> bool:
        """Notice deaths and readiness, start whoever is due; True when any state changed."""
        changes = [self._look_at(child) for child in self.children]
        return any(changes)

    def stop(self, is_impatient: Callable[[], bool] = lambda: False) -> None:
        """Stop every child, the last started first; when impatient, kill instead of asking."""
        while self.children:
            self.children[-1].program.stop(is_impatient)
            self.children.pop()

    def rotate_logs(self) -> None:
        """Move aside every log that has grown too long."""
        for child in self.children:
            rotate(child.program.log_path)

    def _look_at(self, child: Child) -> bool:
        before = child.state
        if child.state == "waiting":
            if self._now_s() >= child.next_start_at_s:
                self._restart(child)
        elif not child.program.is_running():
            child.program.sweep()
            self._bury(child, f"ended with {_cause(child.program.exit_status)}")
        elif child.state == "starting":
            self._check_start(child)
        elif child.deaths and self._now_s() - child.started_at_s > _HEALTHY_AFTER_S:
            child.deaths = 0
        return child.state != before

    def _check_start(self, child: Child) -> None:
        if child.program.is_ready():
            child.state = "ready"
            self._say(f"{child.program.name} is back.")
        elif self._now_s() - child.started_at_s > child.program.ready_within_s:
            child.program.stop()
            self._bury(child, f"was not ready within {child.program.ready_within_s:.0f} s")

    def _restart(self, child: Child) -> None:
        child.restarts += 1
        child.started_at_s = self._now_s()
        child.state = "starting"
        try:
            child.program.start()
        except ChildFailedError as error:
            self._bury(child, f"could not be started: {error}")

    def _bury(self, child: Child, how: str) -> None:
        child.deaths += 1
        delay_s = restart_delay_s(child.deaths, self._draw())
        child.state = "waiting"
        child.next_start_at_s = self._now_s() + delay_s
        self._say(
            f"{child.program.name} {how}; it is started again in {delay_s:.1f} s. "
            f"Its log: {child.program.log_path}"
        )


def rotate(log_path: Path, bytes_max: int = _LOG_BYTES_MAX) -> None:
    """Copy a long log aside and empty it in place: its writer keeps the file open and appends."""
    try:
        if log_path.stat().st_size < bytes_max:
            return
    except FileNotFoundError:
        return
    for number in range(_LOGS_KEPT - 1, 0, -1):
        older = log_path.with_suffix(f".log.{number}")
        if older.exists():
            older.replace(log_path.with_suffix(f".log.{number + 1}"))
    shutil.copyfile(log_path, log_path.with_suffix(".log.1"))
    with log_path.open("r+b") as log:
        log.truncate()


def _cause(status: int | None) -> str:
    if status is None or status >= 0:
        return f"status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
