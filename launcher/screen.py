"""What `curb up` shows: progress while it starts, then a table of addresses and log-ins.

On a terminal a progress bar; elsewhere a line a step. Nothing here starts a thread: children are
forked while it is on the screen.
"""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

_REFRESH_S = 0.1


@dataclass(frozen=True, slots=True)
class LogIn:
    """One generated account."""

    role: str
    email: str
    password: str


class _Listener:
    """Standard output whose reader may leave: what nobody hears is no reason to stop working.

    Children still have to be stopped in order after a terminal was closed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a stream has
        return getattr(self._stream, name)


class Screen:
    """One start of the system, told to the person at the terminal."""

    def __init__(self, steps: int) -> None:
        self.console = Console(file=cast(TextIO, _Listener(sys.stdout)), highlight=False)
        self._started_s = time.monotonic()
        self._drawn_s = 0.0
        self._step_s = 0.0
        self._title = ""
        self._progress: Progress | None = None
        self._task = TaskID(0)
        if self.console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=24),
                TextColumn("{task.description}"),
                console=self.console,
                auto_refresh=False,
                transient=True,
            )
            self._task = self._progress.add_task("", total=steps)
            self._progress.start()

    def begin_step(self, title: str) -> None:
        """A step starts."""
        self._title, self._step_s = title, time.monotonic()
        if self._progress is not None:
            self._progress.update(self._task, description=title)
            self.tick()

    def end_step(self, how: str = "ready") -> None:
        """The step is done."""
        line = f"{self._title} {how} ({time.monotonic() - self._step_s:.1f} s)"
        if self._progress is not None:
            self._progress.console.print(f"[green]✓[/] {line}")
            self._progress.advance(self._task)
        else:
            self.say(line)

    def tick(self) -> None:
        """Keep the picture moving; called while waiting."""
        now_s = time.monotonic()
        if self._progress is not None and now_s - self._drawn_s > _REFRESH_S:
            self._drawn_s = now_s
            self._progress.refresh()

    def end_progress(self) -> None:
        """Take the progress bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def say(self, sentence: str) -> None:
        """One line of news."""
        self.console.print(sentence, markup=False, soft_wrap=True)

    def show_system(
        self, urls: Mapping[str, str], log_ins: Sequence[LogIn], trader_key: Mapping[str, str]
    ) -> None:
        """Where everything is, who may come in, and how to trade. trader_key: may be empty."""
        self.end_progress()
        self.say(f"Curb is up after {time.monotonic() - self._started_s:.1f} s.")
        addresses = Table(box=None, padding=(0, 2), show_header=False)
        for name, url in urls.items():
            addresses.add_row(name, url)
        self.console.print(addresses)
        if log_ins:
            people = Table(box=None, padding=(0, 2))
            for column in ("log-in", "e-mail", "password"):
                people.add_column(column)
            for log_in in log_ins:
                people.add_row(log_in.role, log_in.email, log_in.password)
            self.console.print(people)
        if trader_key:
            self._show_trading(urls["Trading API"], trader_key)
        self.say("Ctrl-C stops everything; the data stays.")

    def _show_trading(self, url: str, key: Mapping[str, str]) -> None:
        """The demo trader's key, and one line that works as it is."""
        key_id, secret = key["key_id"], key["secret"]
        base_url = url.removesuffix("/v2")
        self.say(f"  The trader's API key  {key_id}  {secret}")
        self.say("  curb trade AAPL       a live ladder; curb trade buy AAPL 10 is an order")
        self.say(
            f'  alpaca-py             TradingClient("{key_id}", "{secret}", '
            f'url_override="{base_url}").get_account()'
        )
