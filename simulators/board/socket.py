"""MicroPython's `socket`, whose way to the broker leads over a simulated line if there is one.

CURB_LINE: `host:port` of the line (simulators/lines.py); without it the way is direct.
"""

import os
import sys

# The way to extend a built-in module: https://docs.micropython.org/en/latest/library/index.html
_path = sys.path
sys.path = ()  # type: ignore[assignment] # nowhere to look but among the built-ins
try:
    from socket import *  # type: ignore[assignment] # noqa: F403 - all of it, as it is
    from socket import getaddrinfo as _getaddrinfo
finally:
    sys.path = _path

_LINE = os.getenv("CURB_LINE")
# The world around the board is no part of the network.
_WORLD = os.getenv("CURB_WORLD")


def getaddrinfo(host, port, *more):
    """Where to connect for this host: to the line, where there is one."""
    if _LINE and "{}:{}".format(host, port) != _WORLD:
        host, port = _LINE.split(":")
    return _getaddrinfo(host, int(port), *more)
