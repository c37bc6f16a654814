"""Building what stays, without the garbage collector looking through it again and again.

An engine is millions of small objects that all live on. Searching them for garbage while they are
made takes as long as making them: measured, restoring 40,000 orders 1.17 s instead of 0.21 s.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected within the block; what was made in it is not looked through later."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
