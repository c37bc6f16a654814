"""The trading engine compiled by mypyc, in a folder of its own beside the source tree.

The folder is named after the sources' digest, so it can never be stale, and the tree that people
edit stays plain Python. Whoever puts the folder in front on PYTHONPATH runs compiled code.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
BUILDS: Final = ROOT / "build" / "compiled"


class CompileError(Exception):
    """There is no compiled engine, and the message says why."""


def sources() -> list[Path]:
    """What is compiled: the engine, and the benchmarks' inner loops."""
    return [*sorted((ROOT / "trading").glob("*.py")), ROOT / "benchmarks" / "_book_driver.py"]


def companions() -> list[Path]:
    """What runs beside it as it is."""
    names = ("__init__", "order_flow", "_book_worker", "_engine_worker")
    return [ROOT / "benchmarks" / f"{name}.py" for name in names]


def compiled_folder(builds: Path = BUILDS) -> Path:
    """The folder to put on PYTHONPATH; compiles when the sources have changed, in about a minute.

    Raises:
        CompileError: there is no C compiler or no mypyc here, or they refused the sources.
    """
    digest = hashlib.sha256(sys.version.encode())
    for path in [*sources(), *companions()]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = builds / digest.hexdigest()[:16]
    if (folder / "complete").exists():
        return folder
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise CompileError(f"There is no C compiler {compiler!r} on this machine.")
    _copy(folder)
    modules = [str(path.relative_to(ROOT)) for path in sources()]
    done = subprocess.run(  # noqa: S603 - mypyc of our own environment on our own sources
        [sys.executable, "-m", "mypyc", "--strict", *modules],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CompileError(f"mypyc failed:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(folder / "build", ignore_errors=True)
    (folder / "complete").touch()
    return folder


def run_plain(worker: str) -> dict[str, Any]:
    """The figures of a worker on the source tree as it is."""
    return _run(worker, ROOT)


def run_compiled(worker: str) -> dict[str, Any]:
    """The figures of a worker on the compiled engine.

    Raises:
        CompileError: there is none.
    """
    return _run(worker, compiled_folder())


def _run(worker: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", f"benchmarks.{worker}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _copy(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in [*sources(), *companions()]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


if __name__ == "__main__":
    try:
        print(compiled_folder())  # noqa: T201 - the folder is the product
    except CompileError as problem:
        sys.exit(f"{problem} Everything works without it, only slower.")
