"""What time it is at the site, and how far that can be believed.

A car park's NUC may boot with any date after a power cut. So wall time is always asked through
here, it is compared with the signed times the cloud has sent, and a jump against the time that
passes by itself is noticed. TLS certificates and timeouts never use this clock.
"""

import os
import struct
import time
from collections.abc import Mapping
from typing import Final, Protocol

from protocols.portable import codes

CLOCK_FILE_VARIABLE: Final = "CURB_CLOCK_FILE"
_FILE_FORMAT: Final = struct.Struct("<q")

DAY_MS: Final = 86_400_000
JUMP_MS: Final = 1_500
"""A difference between wall time and time passed above this is a jump, not a busy machine."""
_BEHIND_MS_MAX: Final = 300_000
"""The cloud's clock may be this far ahead of ours before ours counts as unset."""


class Clock(Protocol):
    """Where the agent gets its time from."""

    is_driven: bool
    """Whether somebody sets it on purpose, so that jumps mean nothing."""

    def now_ms(self) -> int:
        """Wall time in ms since 1970 UTC."""
        ...

    def up_ms(self) -> int:
        """Ms that pass by themselves, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's clock."""

    is_driven = False

    def now_ms(self) -> int:
        """See Clock."""
        return time.time_ns() // 1_000_000

    def up_ms(self) -> int:
        """See Clock."""
        return time.monotonic_ns() // 1_000_000


class FileClock:
    """Wall time out of a file a simulator writes: 8 bytes, little-endian, ms since 1970 UTC.

    Raises:
        OSError: the file cannot be opened, or is shorter than 8 bytes when read.
    """

    is_driven = True

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def now_ms(self) -> int:
        """See Clock."""
        raw = os.pread(self._file, _FILE_FORMAT.size, 0)
        if len(raw) != _FILE_FORMAT.size:
            raise OSError(f"The clock file holds {len(raw)} bytes, not {_FILE_FORMAT.size}.")
        return int(_FILE_FORMAT.unpack(raw)[0])

    def up_ms(self) -> int:
        """See Clock."""
        return time.monotonic_ns() // 1_000_000

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


def clock_from(environ: Mapping[str, str]) -> Clock:
    """The clock the environment names, the machine's by default."""
    path = environ.get(CLOCK_FILE_VARIABLE)
    return FileClock(path) if path else SystemClock()


class TrustedClock:
    """A clock with a judgement: `set`, `drifting` or `unset` (codes.CLOCK_...).

    signed_at_ms: the latest time of a sealed message from the cloud, as stored; 0 for none.
    """

    def __init__(self, clock: Clock, signed_at_ms: int = 0) -> None:
        self._clock = clock
        self.signed_at_ms = signed_at_ms
        self._offset_ms = clock.now_ms() - clock.up_ms()

    @property
    def is_driven(self) -> bool:
        """See Clock."""
        return self._clock.is_driven

    def now_ms(self) -> int:
        """Wall time, whatever it is worth."""
        return self._clock.now_ms()

    def up_ms(self) -> int:
        """See Clock."""
        return self._clock.up_ms()

    def quality(self) -> str:
        """How far `now_ms` can be trusted."""
        if self._clock.is_driven:
            return codes.CLOCK_SET
        now_ms = self._clock.now_ms()
        if now_ms < self.signed_at_ms - _BEHIND_MS_MAX:
            return codes.CLOCK_UNSET
        if now_ms > self.signed_at_ms + DAY_MS:
            return codes.CLOCK_DRIFTING
        return codes.CLOCK_SET

    def known_ms(self) -> int | None:
        """Wall time, or None while it is certainly wrong."""
        return None if self.quality() == codes.CLOCK_UNSET else self.now_ms()

    def note_signed(self, issued_at_ms: int) -> None:
        """The cloud has sealed something at this time: it cannot be earlier now."""
        self.signed_at_ms = max(self.signed_at_ms, issued_at_ms)

    def take_jump_ms(self) -> int:
        """How far the wall clock has jumped since the last call; 0 when it did not.

        For a driven clock any move counts, since none of its time passes by itself.
        """
        offset_ms = self._clock.now_ms() - self._clock.up_ms()
        jump_ms = offset_ms - self._offset_ms
        if abs(jump_ms) < JUMP_MS:
            return 0
        self._offset_ms = offset_ms
        return jump_ms
