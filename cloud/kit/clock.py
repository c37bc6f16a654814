"""The one place where the cloud learns what time it is, so that a simulator can decide it.

TLS certificates and timeouts never use this clock: they need time that passes by itself.
"""

import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_FILE: Final = struct.Struct("<q")


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.now(UTC)

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000


class FileClock:
    """The time that a simulator writes into a file: frozen between writes.

    Raises (from both methods):
        OSError: the file is missing or shorter than 8 bytes; a wrong time would be worse.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """Aware, in UTC."""
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        with self._path.open("rb") as file:
            raw = file.read(_CLOCK_FILE.size)
        if len(raw) < _CLOCK_FILE.size:
            raise OSError(f"The clock file {self._path} holds {len(raw)} bytes; it must hold 8.")
        (now_ms,) = _CLOCK_FILE.unpack(raw)
        return int(now_ms)


class ManualClock:
    """A clock that stands until it is moved: for tests and replays."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Aware, in UTC."""
        return self._now

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return to_ms(self._now)

    def advance(self, by: timedelta) -> None:
        """Move it; also backwards, as real clocks do."""
        self._now += by


def clock_from(clock_file: Path) -> Clock:
    """The simulator's clock where a file is named, else the machine's."""
    return SystemClock() if clock_file == Path() else FileClock(clock_file)


def to_ms(instant: datetime) -> int:
    """Milliseconds since the Unix epoch, exactly (no float on the way).

    Raises:
        ValueError: the instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("An instant without a time zone has no place on the time line.")
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_ms(instant_ms: int) -> datetime:
    """The aware UTC instant of so many milliseconds since the Unix epoch."""
    return _EPOCH + timedelta(milliseconds=instant_ms)


def from_ns(instant_ns: int) -> datetime:
    """The same of so many nanoseconds, to the microsecond, as the tables have it."""
    return _EPOCH + timedelta(microseconds=instant_ns // 1_000)
