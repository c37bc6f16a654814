"""A guard for loops around redis-py and aiomqtt on Python 3.11, where a cancellation can get lost.

Both send within `asyncio.wait_for`, which before Python 3.12 returns normally when it is
cancelled in the very moment its work is done: https://github.com/python/cpython/issues/86296.
The loop around it would then go on for ever. It can go when Python 3.12 is the oldest supported.
"""

import asyncio


def end_if_cancelled() -> None:
    """Raise the cancellation this task was asked for, if an inner call swallowed it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
