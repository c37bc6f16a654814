"""A wire loop in the ground, freed of chatter: a car arrives once, however long it stays."""

# Shorter than the gap between two cars that drive close (80 ms at walking pace), longer than the
# chatter of a detector's contact.
DEBOUNCE_MS = 20


class PresenceLoop:
    """Debounced vehicle presence; feed it samples, it answers "arrived", "left" or None."""

    def __init__(self, debounce_ms=DEBOUNCE_MS):
        """Start empty; a change counts once it has held for `debounce_ms`."""
        self._debounce_ms = debounce_ms
        self._changed_ms = None
        self.present = False

    def sample(self, detected, now_ms):
        """Take one sample of the detector (truthy: metal above the loop)."""
        detected = bool(detected)
        if detected == self.present:
            self._changed_ms = None
            return None
        if self._changed_ms is None:
            self._changed_ms = now_ms
        if now_ms - self._changed_ms < self._debounce_ms:
            return None
        self._changed_ms = None
        self.present = detected
        return "arrived" if detected else "left"
