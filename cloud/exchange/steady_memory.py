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
def steady_memory(new_objects: int = 0) -> Iterator[None]:
    """As long as the block runs.

    new_objects: after how many the new ones are looked at; 0 leaves Python's own figure. More than
        a batch makes lets most of them go unseen, at the price of longer pauses.
    """
    thresholds = gc.get_threshold()
    if new_objects:
        gc.set_threshold(new_objects, *thresholds[1:])
    gc.freeze()
    gc.callbacks.append(_set_aside)
    try:
        yield
    finally:
        gc.callbacks.remove(_set_aside)
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def look_at_all_once() -> None:
    """Let the next full collection look at everything."""
    gc.unfreeze()


def _set_aside(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == _FULL:
        gc.freeze()
