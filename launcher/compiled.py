"""The trading engine compiled by mypyc, in a folder of its own beside the source tree.

The folder is named after the sources' digest, so it can never be stale, and the tree that people
edit stays plain Python. `curb up` runs the compiled engine where `make compile` has made one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
BUILDS: Final = ROOT / "build" / "compiled"
# Hidden symbols let the C compiler see that one of our functions calls another of ours, and put it
# in place: a tenth off each command.
_C_FLAGS: Final = "-fno-semantic-interposition -fvisibility=hidden -fno-plt"
_HEADER: Final = Path(__file__).with_name("acyclic.h")
# From the next one on, acyclic.h would have to be another.
_BEFORE: Final = (3, 13)


class CompileError(Exception):
    """There is no compiled engine, and the message says why."""


def sources() -> list[Path]:
    """What is compiled: the engine, and the benchmark's inner loop."""
    return [*sorted((ROOT / "trading").glob("*.py")), ROOT / "benchmarks" / "_book_driver.py"]


def companions() -> list[Path]:
    """What the benchmarks run beside it as it is."""
    names = ("__init__", "order_flow", "_book_worker", "_engine_worker")
    return [ROOT / "benchmarks" / f"{name}.py" for name in names]


def bench_folder(folder: Path) -> Path:
    """Where a build keeps the benchmarks' part, which must not hide the source tree's."""
    return folder / "bench"


def built_folder(builds: Path = BUILDS) -> Path | None:
    """The folder of the compiled engine, if these very sources were compiled here."""
    if not all(path.is_file() for path in [*sources(), *companions()]):
        return None
    folder = _folder(builds)
    return folder if (folder / "complete").exists() else None


def variables(builds: Path = BUILDS) -> dict[str, str]:
    """What a Python program needs in its environment to run the compiled engine; or nothing.

    PYTHONSAFEPATH, because `python -m` looks in the working directory before PYTHONPATH, and the
    plain engine may lie there.
    """
    folder = built_folder(builds)
    if folder is None:
        return {}
    others = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([str(folder), others]) if others else str(folder)
    return {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def compiled_folder(builds: Path = BUILDS) -> Path:
    """The folder to put on PYTHONPATH; compiles when the sources have changed, in about a minute.

    Raises:
        CompileError: there is no C compiler or no mypyc here, or they refused the sources; or
            this Python is too new.
    """
    folder = _folder(builds)
    if (folder / "complete").exists():
        return folder
    if sys.version_info >= _BEFORE:
        raise CompileError(
            f"The engine is compiled for Python 3.11 and 3.12; this is {sys.version.split()[0]}."
        )
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise CompileError(f"There is no C compiler {compiler!r} on this machine.")
    # Whoever else compiles the same at the same time has a folder of their own.
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        _compile(making)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _compile(folder: Path) -> None:
    _copy(folder)
    modules = [str(path.relative_to(ROOT)) for path in sources()]
    flags = f"{os.environ.get('CFLAGS', '')} {_C_FLAGS} -include {_HEADER}".strip()
    done = subprocess.run(  # noqa: S603 - mypyc of our own environment on our own sources
        [sys.executable, "-m", "mypyc", "--strict", *modules],
        cwd=folder,
        env={**os.environ, "CFLAGS": flags, "MYPYC_DEBUG_LEVEL": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CompileError(f"mypyc failed:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(folder / "build", ignore_errors=True)
    shutil.rmtree(folder / ".mypy_cache", ignore_errors=True)
    bench_folder(folder).mkdir()
    (folder / "benchmarks").rename(bench_folder(folder) / "benchmarks")
    (folder / "complete").touch()


def _folder(builds: Path) -> Path:
    digest = hashlib.sha256((sys.version + _C_FLAGS).encode() + _HEADER.read_bytes())
    for path in [*sources(), *companions()]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return builds / digest.hexdigest()[:16]


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
