"""Keeps the search for garbage from stopping the exchange while its book grows.

A full collection looks at everything that lives: with a million resting orders that takes half a
second, and it comes again with every quarter more. Here, what survives a full collection is set
aside (`gc.freeze`) and not looked at again, so each looks only at what is new. What is set aside
and becomes garbage in a cycle later stays until the next day begins, when all is looked at once.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_FULL: Final = 2


@contextmanager
def steady_memory() -> Iterator[None]:
    """As long as the block runs."""
    gc.freeze()
    gc.callbacks.append(_set_aside)
    try:
        yield
    finally:
        gc.callbacks.remove(_set_aside)
        gc.unfreeze()


def look_at_all_once() -> None:
    """Let the next full collection look at everything."""
    gc.unfreeze()


def _set_aside(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == _FULL:
        gc.freeze()
