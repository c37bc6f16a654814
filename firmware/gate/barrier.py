"""Where the arm is: sensed where there are limit switches, estimated where there are none.

The barrier operator moves and closes the arm by its own hardware and never closes it on a covered
safety loop; the firmware pulses "open" and watches. Anti-crush and loop safety are the operator's:
nothing here promises them.
"""

DOWN = "down"
OPENING = "opening"
UP = "up"
CLOSING = "closing"

# What limit switches can say.
ARM_DOWN = "down"
ARM_MOVING = "moving"
ARM_UP = "up"

FAULT_NOT_UP = "arm_not_up"
FAULT_NOT_DOWN = "arm_not_down"
FAULT_FORCED = "arm_forced"


class Timing:
    """How the barrier at hand behaves, in ms; the defaults suit a 3 m arm."""

    def __init__(self, open_ms=1500, close_after_ms=1000, close_ms=1500, hold_ms=12000):
        """Take the times.

        open_ms, close_ms: how long the arm travels; with limit switches, three times that is a
            fault.
        close_after_ms: how long after the safety loop cleared the operator starts to close.
        hold_ms: how long the operator keeps the arm up when nobody comes.
        """
        self.open_ms = open_ms
        self.close_after_ms = close_after_ms
        self.close_ms = close_ms
        self.hold_ms = hold_ms


class Barrier:
    """The arm of one lane; `position` and `fault` (None or a FAULT_... code) are its answers."""

    def __init__(self, timing):
        """Start with the arm taken to be down."""
        self._timing = timing
        self._since_ms = 0
        self._used = False
        self._pulsed = False
        self._is_known = False
        self.position = DOWN
        self.fault = None

    def pulse(self, now_ms):
        """The relay closed."""
        self._pulsed = True
        self._used = False
        self._since_ms = now_ms
        if self.position != UP:
            self.position = OPENING

    def sample(self, arm, safety, now_ms):
        """Take what the limit switches say (None without them) and the safety loop."""
        if arm is None:
            self._estimate(safety, now_ms)
        else:
            self._sense(arm, safety, now_ms)

    def _estimate(self, safety, now_ms):
        timing = self._timing
        waited_ms = now_ms - self._since_ms
        if self.position == OPENING:
            if waited_ms >= timing.open_ms:
                self._move(UP, now_ms)
        elif self.position == UP:
            if safety:
                self._used = True
                self._since_ms = now_ms
            elif waited_ms >= (timing.close_after_ms if self._used else timing.hold_ms):
                self._move(CLOSING, now_ms)
        elif self.position == CLOSING:
            if safety:
                self._move(UP, now_ms)
            elif waited_ms >= timing.close_ms:
                self._move(DOWN, now_ms)

    def _sense(self, arm, safety, now_ms):
        timing = self._timing
        if not self._is_known:
            # A gate that restarts under an open arm must not take it for forced.
            self._is_known = True
            self._pulsed = self._pulsed or arm != ARM_DOWN
        if arm == ARM_UP:
            if self.position != UP:
                self._move(UP, now_ms)
                self.fault = None if self._pulsed else FAULT_FORCED
            if safety:
                self._since_ms = now_ms
            elif now_ms - self._since_ms >= timing.hold_ms + 3 * timing.close_ms:
                self.fault = FAULT_NOT_DOWN
        elif arm == ARM_DOWN:
            self._sense_down(now_ms)
        elif self.position == UP:
            self._move(CLOSING, now_ms)
        elif now_ms - self._since_ms >= 3 * timing.open_ms and self.position == OPENING:
            self.fault = FAULT_NOT_UP
        elif now_ms - self._since_ms >= 3 * timing.close_ms and self.position == CLOSING:
            self.fault = FAULT_NOT_DOWN

    def _sense_down(self, now_ms):
        if self.position == OPENING:
            if now_ms - self._since_ms >= 3 * self._timing.open_ms:
                # It stays OPENING: an arm freed by hand still follows the pulse it was given.
                self.fault = FAULT_NOT_UP
            return
        if self.position != DOWN:
            self._move(DOWN, now_ms)
            self._pulsed = False
        if self.fault != FAULT_NOT_UP:
            self.fault = None

    def give_up(self):
        """The pulse was in vain and its grant is void: from now on the arm is taken as it is."""
        if self.position == OPENING:
            self.position = DOWN
            self._pulsed = False

    def _move(self, position, now_ms):
        self.position = position
        self._since_ms = now_ms
