"""Single keys from a terminal: arrows by name, everything else as typed."""

import asyncio
import contextlib
import os
import re
import sys
import termios
import tty
from collections.abc import Iterator

# CSI or SS3 sequences: arrows end in A and B; others are swallowed whole, not typed as letters.
_KEY = re.compile(r"\x1b[\[O][0-9;]*(?P<end>[A-Za-z~])|(?P<plain>[^\x1b])|\x1b", re.DOTALL)
_ARROWS = {"A": "up", "B": "down"}
_READ_BYTES = 64


def keys_in(text: str) -> list[str]:
    """The keys that make a terminal send this."""
    keys = []
    for found in _KEY.finditer(text):
        if found["plain"]:
            keys.append(found["plain"])
        elif found["end"] in _ARROWS:
            keys.append(_ARROWS[found["end"]])
    return keys


@contextlib.contextmanager
def pressed_keys() -> Iterator[asyncio.Queue[str]]:
    """Keys as they are pressed, not echoed; the terminal is as before when the block ends."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()
    pressed: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for key in keys_in(os.read(descriptor, _READ_BYTES).decode(errors="replace")):
            pressed.put_nowait(key)

    try:
        tty.setcbreak(descriptor)
        loop.add_reader(descriptor, read)
        yield pressed
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
