"""One child process: how it is started, known to be ready, and stopped with all that it started.

Every child leads its own process group, so that a Ctrl-C in the terminal reaches only us and the
stop is ordered, and so that whatever a child itself started goes with it. On Linux the kernel also
signals each child when we die, even by SIGKILL.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import ChildFailedError

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
_LOG_TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class OsUser:
    """The operating system's user a child runs as, where that is not ours."""

    name: str
    uid: int
    gid: int


class Program:
    """A child process with a name, a log and a way to ask whether it is ready.

    Subclasses say what to run in `command`, may write files in `prepare` and answer `is_ready`.
    """

    stop_signal = signal.SIGTERM
    stop_within_s = 10.0
    ready_within_s = 30.0

    def __init__(self, name: str, *, log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._log_offset = 0

    def command(self) -> Sequence[str | Path]:
        """The program and its arguments."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """The child's whole environment."""
        return os.environ

    def directory(self) -> Path | None:
        """The child's working directory; None is ours."""
        return None

    def input_text(self) -> str:
        """What the child may read from its standard input."""
        return ""

    def os_user(self) -> OsUser | None:
        """Whom the child runs as; None is ourselves."""
        return None

    def prepare(self) -> None:
        """Write what the child needs before it starts; may run any number of times."""

    def is_ready(self) -> bool:
        """Whether the running child does its work; asked until it says yes."""
        return True

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running() else None

    @property
    def exit_status(self) -> int | None:
        """How the last child ended (negative: by that signal); None before that."""
        return None if self._process is None else self._process.poll()

    def is_running(self) -> bool:
        """Whether the child is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Prepare and start the child; does not wait until it is ready.

        Raises:
            ChildFailedError: the program could not be executed.
        """
        self.prepare()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        user = self.os_user()
        with self.log_path.open("ab") as log, tempfile.TemporaryFile() as heard:
            heard.write(self.input_text().encode())
            heard.seek(0)
            self._log_offset = log.tell()
            try:
                # The hook is one system call in a library already loaded: nothing in it can wait.
                self._process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                    [str(part) for part in self.command()],
                    stdin=heard,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.directory(),
                    env=dict(self.environment()),
                    process_group=0,
                    preexec_fn=_follow_into_death(self.stop_signal),
                    user=None if user is None else user.uid,
                    group=None if user is None else user.gid,
                    extra_groups=None if user is None else [],
                )
            except OSError as error:
                raise ChildFailedError(f"{self.name} could not be started: {error}.") from error

    def wait_ready(self, tick: Callable[[], None] = lambda: None) -> None:
        """Wait until the child is ready; `tick` is called while waiting.

        Raises:
            ChildFailedError: it ended or was late; the message carries the end of its log.
        """
        deadline = time.monotonic() + self.ready_within_s
        while not self.is_ready():
            if not self.is_running():
                raise ChildFailedError(
                    f"{self.name} ended with status {self.exit_status} before it was ready. "
                    + self._log_story()
                )
            if time.monotonic() > deadline:
                raise ChildFailedError(
                    f"{self.name} was not ready within {self.ready_within_s:.0f} s. "
                    + self._log_story()
                )
            tick()
            time.sleep(_POLL_S)

    def run(self) -> None:
        """Start and wait until ready; a child that fails to become ready is stopped again."""
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def complete(self, tick: Callable[[], None] = lambda: None) -> str:
        """Start a child that does one thing, wait until it ended, and give what it wrote.

        Raises:
            ChildFailedError: it ended with another status than 0, or took longer than allowed.
        """
        self.start()
        try:
            return self.wait_ended(tick)
        finally:
            self.stop()

    def wait_ended(self, tick: Callable[[], None] = lambda: None) -> str:
        """The second half of `complete`, for a child that was started before."""
        deadline = time.monotonic() + self.ready_within_s
        while self.is_running():
            if time.monotonic() > deadline:
                raise ChildFailedError(
                    f"{self.name} took longer than {self.ready_within_s:.0f} s. "
                    + self._log_story()
                )
            tick()
            time.sleep(_POLL_S)
        if self.exit_status != 0:
            raise ChildFailedError(
                f"{self.name} ended with status {self.exit_status}. " + self._log_story()
            )
        return self.log_since_start()

    def ask_to_stop(self) -> None:
        """Send the child its polite signal, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.stop_signal)

    def stop(self, is_impatient: Callable[[], bool] = lambda: False) -> None:
        """Stop the child and all it started: politely, after `stop_within_s` by SIGKILL.

        is_impatient: asked while waiting; once it says yes, nothing is waited for any more.
        """
        process = self._process
        if process is None:
            return
        self.ask_to_stop()
        deadline = time.monotonic() + self.stop_within_s
        while process.poll() is None:
            if is_impatient() or time.monotonic() > deadline:
                process.kill()
                process.wait()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S * 2)
        self.sweep()

    def sweep(self) -> None:
        """Kill what a dead child left in its process group."""
        if self._process is not None and self._process.poll() is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def log_since_start(self) -> str:
        """What the child wrote since it was last started."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(self._log_offset)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _log_story(self) -> str:
        lines = self.log_since_start().splitlines()[-_LOG_TAIL_LINES:]
        told = "\n".join(f"    {line}" for line in lines) if lines else "    (nothing)"
        return f"The end of its log, {self.log_path}:\n{told}"


def _follow_into_death(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Makes the kernel send the child `stop_signal` when we die; only Linux can.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    number = int(stop_signal)

    def hook() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)

    return hook
