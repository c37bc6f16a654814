"""How much the simulated traders may do: the demo shares its machine with a car park."""


class Pace:
    """So many messages a second, with a little saved up for bursts. Time is passed in, in seconds.

    per_s: above 0. burst: what may go at once after a quiet while, at least 1.
    """

    def __init__(self, per_s: float, *, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._saved = float(burst)
        self._at_s: float | None = None

    def room(self, now_s: float) -> int:
        """How many messages may go now. A clock that goes back adds nothing."""
        if self._at_s is not None and now_s > self._at_s:
            self._saved = min(self._burst, self._saved + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return int(self._saved)

    def take(self) -> None:
        """One message goes."""
        self._saved -= 1
