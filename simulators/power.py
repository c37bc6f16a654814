"""Who powers a simulated gate: one program at a time, and politely handed over.

Two files beside the flash folder: whoever runs the board holds the lock on `.power`; a person who
wants it by hand holds the lock on `.wanted`, and whoever has the power lets go. The kernel drops
both locks when their holder dies, so nothing needs cleaning up.
"""

import fcntl
import os
from pathlib import Path


class PowerLock:
    """One of the two locks of one gate's flash folder."""

    def __init__(self, flash: Path, kind: str) -> None:
        self._path = flash.with_name(flash.name + kind)
        self._descriptor: int | None = None

    @classmethod
    def power(cls, flash: Path) -> "PowerLock":
        """Held by whoever runs the board."""
        return cls(flash, ".power")

    @classmethod
    def wanted(cls, flash: Path) -> "PowerLock":
        """Held by whoever wants to run it by hand."""
        return cls(flash, ".wanted")

    def take(self) -> bool:
        """Take the lock; False if another program has it. Taking it twice is fine."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; without the lock nothing happens."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held_elsewhere(self) -> bool:
        """Whether another program has it now."""
        if self._descriptor is not None:
            return False
        is_free = self.take()
        self.release()
        return not is_free
