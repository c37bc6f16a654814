"""Free ports on this machine's loopback."""

import secrets
import socket

LOOPBACK = "127.0.0.1"
_LASTING_FIRST, _LASTING_COUNT = 20_000, 10_000


def free_port() -> int:
    """A loopback TCP port nobody listens on right now; somebody may take it before you do."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def lasting_port() -> int:
    """A free loopback port to keep for years.

    Not from the range that the operating system hands out to outgoing connections: one of those
    would now and then sit on it when we start again.
    """
    while True:
        port = _LASTING_FIRST + secrets.randbelow(_LASTING_COUNT)
        if is_free(port):
            return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether we could listen on this port; ports just left by a stopped server count as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
