"""Joins the site's Wi-Fi and keeps joining; knows nothing of what runs over it."""

import asyncio

_JOIN_WITHIN_MS = 15000
_POLL_MS = 100


class Wifi:
    """The station interface of the board.

    wlan: a network.WLAN in station mode. Without an ssid the board is taken to be wired or joined.
    """

    def __init__(self, wlan, ssid, password):
        """Take the interface and the credentials from the configuration."""
        self._wlan = wlan
        self._ssid = ssid
        self._password = password

    def is_joined(self):
        """Whether there is a network."""
        return self._wlan.isconnected()

    def rssi_dbm(self):
        """Signal strength, None where the board cannot say."""
        try:
            return self._wlan.status("rssi")
        except (OSError, ValueError, TypeError):
            return None

    async def join(self, tick):
        """Join; tick() is called while waiting. False if it did not work out this time."""
        if self._wlan.isconnected():
            return True
        self._wlan.active(True)
        if self._ssid:
            try:
                self._wlan.disconnect()
                self._wlan.connect(self._ssid, self._password)
            except OSError:
                # The radio is not ready; the next attempt finds it so.
                return False
        waited_ms = 0
        while not self._wlan.isconnected():
            if waited_ms >= _JOIN_WITHIN_MS:
                return False
            await asyncio.sleep_ms(_POLL_MS)
            waited_ms += _POLL_MS
            tick()
        return True
