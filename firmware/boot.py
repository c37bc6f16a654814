"""What comes first on every start: count it, and notice when the firmware keeps crashing.

A crash is an exception nobody caught, or a reset by the watchdog; pulling the plug is none. A gate
that crashed CRASHES_MAX times without HEALTHY_MS of work in between starts in safe mode: link and
remote commands only, the lane out of service, neither the rights list nor the outbox of before
touched, so that nothing stored can make it crash again. `reboot` leaves safe mode.
"""

FILE = "boot.json"
CRASHES_MAX = 4
HEALTHY_MS = 60000


class Boot:
    """This start. `number` rises by one at each and keys the events; `is_safe_mode` says which."""

    def __init__(self, storage, reset_cause):
        """Count this start, durably, before anything else may fail."""
        self._storage = storage
        known = storage.read_json(FILE)
        self.number = known.get("boot", 0) + 1
        self._crashes = known.get("crashes", 0) + (1 if reset_cause == "watchdog" else 0)
        self.is_safe_mode = self._crashes >= CRASHES_MAX
        self._keep()

    def settle(self, up_ms):
        """Call now and then: after HEALTHY_MS what crashed before is forgotten."""
        if self._crashes and up_ms >= HEALTHY_MS and not self.is_safe_mode:
            self.forgive()

    def crashed(self):
        """An exception ends this start."""
        self._crashes += 1
        self._keep()

    def forgive(self):
        """Forget the crashes, so that the next start is an ordinary one."""
        self._crashes = 0
        self._keep()

    def _keep(self):
        self._storage.write_json(FILE, {"boot": self.number, "crashes": self._crashes})
