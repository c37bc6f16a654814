"""The contact that tells the barrier operator to open; its pulse ends by a hardware timer.

The event loop can stall for a TLS handshake, a flash write or a fault; a relay held closed that
long would keep the arm from closing. So the loop starts the pulse and the timer ends it.
"""

PULSE_MS = 300


class Relay:
    """One relay. pin: an output at rest; timer: a machine.Timer nobody else uses."""

    def __init__(self, pin, timer, one_shot, pulse_ms=PULSE_MS):
        """Take the parts; one_shot is machine.Timer.ONE_SHOT."""
        self._pin = pin
        self._timer = timer
        self._one_shot = one_shot
        self._pulse_ms = pulse_ms
        # Bound once: a timer's interrupt must not allocate.
        self._end = self._release
        pin.value(0)

    def pulse(self):
        """Close now and open again after the pulse; a pulse under way starts anew, with an edge."""
        self._pin.value(0)
        self._pin.value(1)
        self._timer.init(mode=self._one_shot, period=self._pulse_ms, callback=self._end)

    def _release(self, _timer):
        self._pin.value(0)
