"""A text display on a serial line, as LED-matrix and VFD modules offer: one sentence at a time."""


class Display:
    """Writes sentences; a missing display costs nothing."""

    def __init__(self, uart):
        """Take a machine.UART at the display's speed, or None."""
        self._uart = uart
        self._shown = None

    def show(self, text):
        """Show a sentence ("" clears)."""
        if text == self._shown:
            return
        self._shown = text
        if self._uart is not None:
            self._uart.write(text.encode() + b"\r\n")
