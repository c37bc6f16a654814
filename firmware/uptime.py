"""Milliseconds since boot that never wrap, so that everything else may simply subtract.

MicroPython's `ticks_ms` wraps after 12 days on an ESP32. This is the one place that compares
ticks with `ticks_diff`; it must be asked at least every 6 days, which the sensing task does a
hundred times a second.
"""


class Uptime:
    """A monotonic clock, counting from 0 at the moment it is made."""

    def __init__(self, ticks_ms, ticks_diff):
        """Take `time.ticks_ms` and `time.ticks_diff`, or a test's stand-ins."""
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._total_ms = 0

    def now_ms(self):
        """Milliseconds since boot."""
        ticks = self._ticks_ms()
        self._total_ms += self._ticks_diff(ticks, self._last)
        self._last = ticks
        return self._total_ms
