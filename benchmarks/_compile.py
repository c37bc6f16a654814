"""Runs a benchmark's worker on the plain engine or on the compiled one, each in a process apart."""

import json
import os
import subprocess
import sys
from typing import Any

from launcher.compiled import ROOT, CompileError, bench_folder, compiled_folder

__all__ = ["ROOT", "CompileError", "compiled_folder", "run_compiled", "run_plain"]


def run_plain(worker: str) -> dict[str, Any]:
    """The figures of a worker on the source tree as it is."""
    return _run(worker, str(ROOT))


def run_compiled(worker: str) -> dict[str, Any]:
    """The figures of a worker on the compiled engine.

    Raises:
        CompileError: there is none.
    """
    folder = compiled_folder()
    return _run(worker, os.pathsep.join((str(bench_folder(folder)), str(folder))))


def _run(worker: str, path: str) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", f"benchmarks.{worker}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
