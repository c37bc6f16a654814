"""Runs a benchmark of benchmarks/, holds its figures against benchmarks/limits.toml, reports.

A benchmark is a module with `run()`, which gives its figures by name. Whatever it or its children
print goes to stderr, so that the last line of stdout is always the JSON report.
"""

import contextlib
import importlib
import json
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from launcher.errors import LauncherError, NotInstalledError

Figures = Mapping[str, float | int | str]
Limits = Mapping[str, Mapping[str, float]]

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
# What the folder holds besides benchmarks.
_HELPERS = ("__init__", "frame")


def catalogue() -> dict[str, str]:
    """Every benchmark's name, with what it measures in one sentence.

    Raises:
        NotInstalledError: this is an installation without the source tree.
    """
    if not FOLDER.is_dir():
        raise NotInstalledError("The benchmarks live in the source tree; clone it to run them.")
    return {
        path.stem.replace("_", "-"): _first_sentence(path)
        for path in sorted(FOLDER.glob("*.py"))
        if path.stem not in _HELPERS and not path.stem.startswith("_")
    }


def missed_limits(figures: Figures, limits: Limits) -> list[str]:
    """A sentence for every limit that the figures miss, or that nothing was measured for."""
    missed = []
    for name, limit in limits.items():
        value = figures.get(name)
        if not isinstance(value, (int, float)):
            missed.append(f"{name} was not measured.")
            continue
        if "max" in limit and not value <= limit["max"]:
            missed.append(f"{name} is {value:g}, above its limit of {limit['max']:g}.")
        if "min" in limit and not value >= limit["min"]:
            missed.append(f"{name} is {value:g}, below its limit of {limit['min']:g}.")
    return missed


def read_limits(path: Path = FOLDER / "limits.toml") -> dict[str, Limits]:
    """The limits of every benchmark."""
    content: dict[str, Limits] = tomllib.loads(path.read_text())
    return content


def measure(name: str) -> dict[str, Any]:
    """Run one benchmark and give its report.

    Raises:
        LauncherError: there is no benchmark of that name.
    """
    if name not in (known := catalogue()):
        raise LauncherError(f"There is no benchmark {name!r}; there are: {', '.join(known)}.")
    limits = read_limits().get(name, {})
    with _stdout_to_stderr():
        figures = _load(name)()
    missed = missed_limits(figures, limits)
    return {
        "bench": name,
        "figures": dict(figures),
        "limits": limits,
        "ok": not missed,
        "missed": missed,
        "machine": machine(),
    }


def run_and_print(names: Sequence[str], *, is_quiet: bool) -> bool:
    """Run benchmarks; True when all keep their limits. Several run in a fresh process each."""
    if len(names) == 1:
        report = measure(names[0])
        if not is_quiet:
            _print_table(report)
        print(json.dumps(report), flush=True)  # noqa: T201 - the report is the product
        return bool(report["ok"])
    reports = [_measure_apart(name, is_quiet=is_quiet) for name in names]
    is_ok = all(report["ok"] for report in reports)
    total = {
        "bench": "all",
        "ok": is_ok,
        "missed": [f"{r['bench']}: {text}" for r in reports for text in r["missed"]],
        "results": reports,
    }
    print(json.dumps(total), flush=True)  # noqa: T201 - the report is the product
    return is_ok


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        "os": platform.platform(),
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _load(name: str) -> Callable[[], Figures]:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    module = importlib.import_module("benchmarks." + name.replace("-", "_"))
    run: Callable[[], Figures] = module.run
    return run


def _measure_apart(name: str, *, is_quiet: bool) -> dict[str, Any]:
    flags = ["--json"] if is_quiet else []
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "launcher", "bench", name, *flags],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    with contextlib.suppress(IndexError, json.JSONDecodeError):
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report
    missed = [f"it ended with status {done.returncode} and without a report."]
    return {"bench": name, "figures": {}, "limits": {}, "ok": False, "missed": missed}


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Also for child processes, hence by file descriptor."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _print_table(report: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False)
    for sentence in report["missed"]:
        console.print(f"[red]Missed:[/] {sentence}", soft_wrap=True)
    if not console.is_terminal:
        return
    table = Table(title=f"curb bench {report['bench']}", title_justify="left")
    for column in ("figure", "measured", "limit", ""):
        table.add_column(column, justify="left" if column in ("figure", "") else "right")
    for name, value in report["figures"].items():
        limit = report["limits"].get(name, {})
        said = " ".join(f"{kind} {bound:g}" for kind, bound in limit.items())
        is_missed = any(text.startswith(f"{name} ") for text in report["missed"])
        verdict = "" if not limit else "[red]missed" if is_missed else "[green]ok"
        shown = f"{value:,.6g}" if isinstance(value, (int, float)) else value
        table.add_row(name, shown, said, verdict)
    console.print(table)


def _first_sentence(path: Path) -> str:
    # Read as text: importing every benchmark would import everything they measure.
    lines = path.read_text().lstrip().removeprefix('"""').split("\n\n")[0].split('"""')[0]
    return " ".join(lines.split())


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - whichever git there is
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        return done.stdout.strip()
    return ""
