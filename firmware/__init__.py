"""MicroPython on the gate. On a board these modules lie at the root of the flash, not in a package."""
