"""MicroPython's `network` for a simulated gate: in range unless the world says no."""

from simulators.board.world import WORLD

STA_IF = 0


class WLAN:
    """The station interface; sockets are the host's own."""

    IF_STA = 0
    IF_AP = 1

    def __init__(self, interface=IF_STA):
        """Name the interface."""
        self._is_active = False

    def active(self, is_active=None):
        """Switch the radio."""
        if is_active is not None:
            self._is_active = is_active
        return self._is_active

    def connect(self, ssid=None, key=None):
        """Join a network."""

    def disconnect(self):
        """Leave it."""

    def isconnected(self):
        """Whether there is one."""
        return WORLD.has_network

    def status(self, what=None):
        """Signal strength in dBm, or the state."""
        if what == "rssi":
            return -55
        return 1010 if WORLD.has_network else 201

    def config(self, *_names, **_settings):
        """Settings of the radio: taken, not needed."""
