"""Contacts the gate senses: loop detectors and limit switches."""

from firmware.gate import barrier


class LoopInput:
    """A loop detector's contact.

    Wired to ground with the board's pull-up, so the pin reads 0 while metal is above the loop: a
    cut wire then reads as an empty lane, which opens nothing.
    """

    def __init__(self, pin):
        """Take an input pin."""
        self._value = pin.value

    def is_closed(self):
        """Whether the contact is closed."""
        return not self._value()


class ArmSwitches:
    """The two limit switches of an arm, or none."""

    def __init__(self, up_pin, down_pin):
        """Take two input pins, wired like a LoopInput."""
        self._up = LoopInput(up_pin)
        self._down = LoopInput(down_pin)

    def read(self):
        """barrier.ARM_UP, ARM_DOWN or ARM_MOVING."""
        if self._up.is_closed():
            return barrier.ARM_UP
        return barrier.ARM_DOWN if self._down.is_closed() else barrier.ARM_MOVING
