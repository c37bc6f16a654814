"""Run code on the real MicroPython, so that what is tested on CPython is known to work on a gate.

    run_micropython("tests/firmware/cards/test_counter.py")       a file, as `__main__`
    run_micropython(code="from firmware.cards import ntag")       a piece of code
    run_portable_tests("tests.firmware.cards.test_counter")       every test function of a module

A test module is portable when it uses `assert` and nothing that MicroPython lacks (no pytest, no
typing, no hypothesis); its test functions then take no arguments.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Next to the Python that runs the tests: both come from the same wheels.
MICROPYTHON = Path(sys.executable).parent / "micropython"

_RUN_TESTS = """
import sys
module = __import__({module!r}, None, None, ["*"])
names = sorted(name for name in dir(module) if name.startswith("test_"))
failed = 0
for name in names:
    try:
        getattr(module, name)()
    except Exception as error:
        failed += 1
        print("FAILED", name)
        sys.print_exception(error, sys.stdout)
print("ran", len(names), "failed", failed)
sys.exit(1 if failed or not names else 0)
"""


def run_micropython(
    script: str | Path | None = None,
    *arguments: str,
    code: str | None = None,
    path: Sequence[str | Path] = (),
    heap_bytes: int | None = None,
    timeout_s: float = 60.0,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a script file (relative to the project, or absolute) or a piece of code to its end.

    path: directories searched before the project, for instance one with a fake `machine`.
    heap_bytes: the interpreter's heap; None for its own 2 MiB on a 64-bit machine.
    check: fail with what it printed when it ends with an error.
    """
    command = [str(MICROPYTHON)]
    if heap_bytes is not None:
        command += ["-X", f"heapsize={heap_bytes}"]
    command += ["-c", code] if code is not None else [str(PROJECT / str(script)), *arguments]
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env=micropython_environment(*path),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if check and ended.returncode != 0:
        raise AssertionError(f"MicroPython ended with an error:\n{ended.stdout}\n{ended.stderr}")
    return ended


def run_portable_tests(module: str, timeout_s: float = 120.0) -> str:
    """Run every test_... function of a module of this project; gives what was printed."""
    return run_micropython(code=_RUN_TESTS.format(module=module), timeout_s=timeout_s).stdout


def micropython_environment(*path: str | Path) -> dict[str, str]:
    """The environment in which MicroPython finds the project's packages, after `path`."""
    folders = [*map(str, path), str(PROJECT), ".frozen"]
    return {**os.environ, "MICROPYPATH": ":".join(folders)}
