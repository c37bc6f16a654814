"""A guard around aiomqtt, below which a cancellation can get lost on Python 3.11.

aiomqtt waits within `asyncio.wait_for`, which before Python 3.12 returns normally when it is
cancelled in the very moment its work is done (https://github.com/python/cpython/issues/86296), and
raises MqttError in place of the cancellation while it leaves a connection that is gone. The task
would then go on for ever, and an agent told to stop would not. For the same reason nothing of ours
uses `wait_for`; `asyncio.timeout` keeps what it is told.
"""

import asyncio


def end_if_cancelled() -> None:
    """Raise the cancellation this task was asked for, if an inner call swallowed it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
