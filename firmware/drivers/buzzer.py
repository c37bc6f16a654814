"""An active buzzer that plays a short pattern without anybody waiting for it."""


class Buzzer:
    """A buzzer on one output pin, driven by a hardware timer."""

    def __init__(self, pin, timer, one_shot):
        """Take an output pin and a machine.Timer nobody else uses."""
        self._pin = pin
        self._timer = timer
        self._one_shot = one_shot
        self._pattern = None
        self._at = 0
        self._is_sounding = False
        self._next = self._step
        pin.value(0)

    def play(self, pattern):
        """Play pairs of (sound ms, silence ms); replaces what is playing."""
        self._pattern = pattern
        self._at = 0
        self._is_sounding = False
        self._step(self._timer)

    def _step(self, _timer):
        if self._is_sounding:
            self._pin.value(0)
            self._is_sounding = False
            silence_ms = self._pattern[self._at][1]
            self._at += 1
            if silence_ms:
                self._wait(silence_ms)
        elif self._at < len(self._pattern):
            self._pin.value(1)
            self._is_sounding = True
            self._wait(self._pattern[self._at][0])

    def _wait(self, ms):
        self._timer.init(mode=self._one_shot, period=ms, callback=self._next)
