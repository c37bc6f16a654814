"""Which card in the field is news: one that was laid down taps once, one that is shown again taps.

A card that was read is halted and stays silent until it leaves the field; but at the edge of the
field a moving hand cuts its power and it comes back as if new, hence the dead time. With the next
car comes the next driver, and no dead time.
"""

AGAIN_MS = 1500
EMPTY_MS = 300


class PresentedCards:
    """Decides whether what the reader found is a tap."""

    def __init__(self):
        """Start with an empty field."""
        self._last = None
        self._tapped_ms = 0
        self._seen_ms = 0

    def is_tap(self, found, now_ms):
        """Whether this is to be handled now.

        found: the UID; or b"" for what has none to tell by (unreadable, two cards), which counts
            again only after the field was empty.
        """
        seen_ms, self._seen_ms = self._seen_ms, now_ms
        if found == self._last:
            if found == b"" and now_ms - seen_ms < EMPTY_MS:
                return False
            if now_ms - self._tapped_ms < AGAIN_MS:
                return False
        self._last = found
        self._tapped_ms = now_ms
        return True

    def forget(self):
        """Another car has come."""
        self._last = None

    def settle(self, now_ms):
        """The tap just reported has been answered; the dead time counts from here."""
        self._tapped_ms = now_ms
        self._seen_ms = now_ms
