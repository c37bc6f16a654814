"""Ends what an earlier `curb up` left running when it was killed itself.

The kernel tells the children of a killed supervisor to end, but one may take its time, or live on
where the kernel does not do that; two agents or two servers on one folder must never be.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

import psutil

from launcher.data_folder import DataFolder

_GONE_WITHIN_S = 10.0


def started_at_s(pid: int | None) -> float | None:
    """When a process was started: with its id, it names one process for ever."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return None if pid is None else float(psutil.Process(pid).create_time())
    return None


def end_leftovers(folder: DataFolder, say: Callable[[str], None]) -> None:
    """Kill the children named in the folder's running.json; call it while holding the lock."""
    left = [
        found
        for child in folder.read("running.json").get("children", [])
        if (found := _find(child))
    ]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            say(f"Process {process.pid} was left by a `curb up` that was killed; it is ended now.")
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(left, timeout=_GONE_WITHIN_S)
    (folder / "running.json").unlink(missing_ok=True)


def _find(child: dict[str, Any]) -> psutil.Process | None:
    """The very process that was noted, not one that got its number since."""
    pid, noted_s = child.get("pid"), child.get("started_at_s")
    if pid is None or noted_s is None or started_at_s(pid) != noted_s:
        return None
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        # A zombie only waits for an init that does not collect the dead, as in some containers.
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    return None
