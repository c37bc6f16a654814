"""A real process of the cloud, `python -m cloud`, on a port of its own."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
STARTED_WITHIN_S = 60


@contextlib.contextmanager
def cloud_process(environ: dict[str, str], *arguments: str) -> Iterator[str]:
    """The base URL of a running process; it is stopped, and must have stopped cleanly, at the end.

    environ: CURB_... settings.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "cloud", "--port", "0", *arguments],
        cwd=ROOT,
        env=os.environ | {"CURB_LOG_FORMAT": "json"} | environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    try:
        port = _port(process.stderr, lines)
        # Read on, or the process blocks when the pipe is full.
        reader = threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True)
        reader.start()
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        assert process.wait(timeout=30) == 0, "".join(lines[-50:])
        reader.join(timeout=5)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()
    failures = [line for line in lines if '"request_failed"' in line]
    assert not failures, failures[0]


def _port(stderr: IO[str], lines: list[str]) -> int:
    for line in stderr:
        lines.append(line)
        with contextlib.suppress(json.JSONDecodeError):
            if (event := json.loads(line)).get("event") == "serving":
                return int(event["port"])
    raise AssertionError("The cloud did not start:\n" + "".join(lines))


def run_cloud(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of `python -m cloud`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cloud", *arguments],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=STARTED_WITHIN_S,
        check=False,
    )
