"""The simulated clock: a file of eight bytes that every program of a run reads its wall time from.

Frozen between writes, so what happens at one simulated instant has that instant's time in every
program, however long it takes in ours. Timeouts and certificates never use it.
"""

import os
import struct
from pathlib import Path

_LAYOUT = struct.Struct("<q")


class SimulatedClock:
    """Writes the file that CURB_CLOCK_FILE names.

    path: made if it is not there, readable by all programs of the run.
    """

    def __init__(self, path: Path, now_ms: int) -> None:
        self.path = path
        self._now_ms = now_ms
        self.set(now_ms)

    def now_ms(self) -> int:
        """The simulated time, ms since 1970 UTC."""
        return self._now_ms

    def set(self, now_ms: int) -> None:
        """Jump to a time. One write of eight bytes: a reader sees the old time or the new."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(descriptor, _LAYOUT.pack(now_ms), 0)
        finally:
            os.close(descriptor)
        self._now_ms = now_ms
