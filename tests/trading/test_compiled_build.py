"""Compiled or not, the same commands give the same events and the same state."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.compiled import CompileError, built_folder, compiled_folder, variables

ROOT = Path(__file__).parents[2]
SCRIPT = """
import hashlib, importlib.util, json, sys
import trading.engine
spec = importlib.util.spec_from_file_location("random_commands", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from trading import codec, events
digest = hashlib.sha256()
hashes = []
for seed in range(3):
    stream, engine = module.Stream(seed), trading.engine.Engine()
    for _ in range(4000):
        found = engine.apply(stream.next())
        stream.observe(found)
        for event in found:
            digest.update(codec.to_bytes(events.encode(event)))
    hashes.append(engine.state_hash())
    again = trading.engine.Engine.restore(engine.snapshot())
    assert again.state_hash() == hashes[-1]
built = trading.engine.__file__.endswith(".so")
print(json.dumps({"built": built, "events": digest.hexdigest(), "hashes": hashes}))
"""


def play(path: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT / "tests" / "trading" / "random_commands.py")],
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_compiled_engine_does_exactly_what_the_plain_one_does():
    try:
        folder = compiled_folder()
    except CompileError as problem:
        pytest.skip(str(problem))
    compiled, plain = play(folder), play(ROOT)
    assert compiled.pop("built")
    assert not plain.pop("built")
    assert compiled == plain


DEEP = """
import gc
import trading.engine
from trading.events import DayAdvanced

assert trading.engine.__file__.endswith(".so")
assert not gc.is_tracked(DayAdvanced(1, 1))
for _ in range(100):
    inner = None
    for number in range(300):
        inner = [inner, DayAdvanced(number, number)]
    del inner
    gc.collect()
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_events_that_end_deep_inside_others_leave_the_memory_in_order():
    try:
        folder = compiled_folder()
    except CompileError as problem:
        pytest.skip(str(problem))
    # Development mode looks at the bytes around each piece of memory.
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", DEEP],
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_program_is_told_of_a_compiled_engine_only_where_these_sources_were_compiled(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert built_folder(tmp_path) is None
    assert variables(tmp_path) == {}
    monkeypatch.setattr("launcher.compiled._copy", lambda folder: folder.mkdir())
    monkeypatch.setattr("launcher.compiled.subprocess.run", fake_compiler)
    folder = compiled_folder(tmp_path)
    assert built_folder(tmp_path) == folder
    path = variables(tmp_path)["PYTHONPATH"]
    assert path == os.pathsep.join([str(folder), "/elsewhere"])
    # The benchmarks' part lies apart, or it would hide the source tree's.
    assert not (folder / "benchmarks").exists()


def fake_compiler(arguments, *, cwd, **_):
    (cwd / "benchmarks").mkdir()
    return subprocess.CompletedProcess(arguments, 0)
