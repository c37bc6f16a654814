"""Feeds the hardware watchdog only while every task has reported in.

A board that hangs in one task and blinks in another is worse than one that restarts: the lane
would look alive. What the watchdog does not catch, an exception, ends in an ordered reset.
"""


class Supervisor:
    """Keeps account of tasks; `late` names those that have not reported within their time."""

    def __init__(self, now_ms):
        """Take a function giving ms since boot."""
        self._now_ms = now_ms
        self._within_ms = {}
        self._seen_ms = {}

    def expect(self, name, within_ms):
        """From now on `name` must report at least every within_ms."""
        self._within_ms[name] = within_ms
        self._seen_ms[name] = self._now_ms()

    def alive(self, name):
        """A task reports in."""
        self._seen_ms[name] = self._now_ms()

    def late(self):
        """The first task that is overdue, or None."""
        now_ms = self._now_ms()
        for name, within_ms in self._within_ms.items():
            if now_ms - self._seen_ms[name] > within_ms:
                return name
        return None
