"""The signal beside the lane: red, green, or both for amber."""

from firmware.gate import signals


class Lamp:
    """A two-colour signal on two output pins."""

    def __init__(self, red_pin, green_pin):
        """Take the pins; the lamp starts red."""
        self._red = red_pin
        self._green = green_pin
        self._shown = None
        self.show(signals.RED)

    def show(self, colour):
        """Show signals.RED, GREEN or AMBER."""
        if colour == self._shown:
            return
        self._shown = colour
        self._red.value(colour != signals.GREEN)
        self._green.value(colour != signals.RED)
