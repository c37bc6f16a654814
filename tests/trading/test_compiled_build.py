"""Compiled or not, the same commands give the same events and the same state."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._compile import CompileError, compiled_folder

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


def play(folder: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT / "tests" / "trading" / "random_commands.py")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
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
