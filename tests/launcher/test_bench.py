"""Figures are held against limits; the last line is JSON whatever a benchmark prints."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher import bench
from launcher.errors import LauncherError

ROOT = Path(__file__).parents[2]
NOISY = '''"""Measures nothing, loudly."""
import os
import subprocess
def run():
    print("from the benchmark")
    os.system("echo from its child")
    return {"p99_ms": 12.5, "events": 7, "note": "text"}
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A source tree whose only benchmark is `noisy-one`."""
    made = tmp_path / "benchmarks"
    made.mkdir()
    (made / "__init__.py").write_text("")
    (made / "noisy_one.py").write_text(NOISY)
    (made / "limits.toml").write_text("[noisy-one.p99_ms]\nmax = 20\n")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "FOLDER", made)
    monkeypatch.setattr(bench.read_limits, "__defaults__", (made / "limits.toml",))
    kept = {name: module for name, module in sys.modules.items() if name.startswith("benchmarks")}
    for name in kept:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    for name in [name for name in sys.modules if name.startswith("benchmarks")]:
        del sys.modules[name]
    sys.modules.update(kept)


def test_the_last_line_is_json_and_noise_goes_to_stderr(folder, capfd):
    assert bench.run_and_print(["noisy-one"], is_quiet=True)
    shown = capfd.readouterr()
    assert len(shown.out.splitlines()) == 1
    report = json.loads(shown.out)
    assert report["bench"] == "noisy-one"
    assert report["figures"] == {"p99_ms": 12.5, "events": 7, "note": "text"}
    assert report["limits"] == {"p99_ms": {"max": 20}}
    assert report["ok"] is True
    assert {"cpu", "cores", "memory_mb", "os", "python", "commit"} <= report["machine"].keys()
    assert "from the benchmark" in shown.err
    assert "from its child" in shown.err


def test_a_missed_limit_is_named(folder, capfd):
    (folder / "limits.toml").write_text("[noisy-one.p99_ms]\nmax = 10\n[noisy-one.lost]\nmax = 0\n")
    assert not bench.run_and_print(["noisy-one"], is_quiet=False)
    shown = capfd.readouterr()
    report = json.loads(shown.out.splitlines()[-1])
    assert report["ok"] is False
    assert report["missed"] == [
        "p99_ms is 12.5, above its limit of 10.",
        "lost was not measured.",
    ]
    assert "above its limit of 10" in shown.err


def test_a_benchmark_that_is_not_there_is_a_sentence_with_the_known_ones(folder):
    with pytest.raises(LauncherError, match=r"no benchmark 'speed'; there are: noisy-one"):
        bench.measure("speed")


def test_the_catalogue_reads_first_sentences_without_importing(folder):
    (folder / "broken.py").write_text('"""Says this.\n\nAnd more."""\nraise SystemExit\n')
    assert bench.catalogue() == {"broken": "Says this.", "noisy-one": "Measures nothing, loudly."}


@given(value=st.floats(allow_nan=True), bound=st.floats(allow_nan=False, allow_infinity=False))
def test_a_figure_is_within_a_limit_exactly_when_it_compares_so(value, bound):
    assert (bench.missed_limits({"x": value}, {"x": {"max": bound}}) == []) == (value <= bound)
    assert (bench.missed_limits({"x": value}, {"x": {"min": bound}}) == []) == (value >= bound)


def test_the_written_limits_each_say_max_or_min():
    limits = tomllib.loads((ROOT / "benchmarks" / "limits.toml").read_text())
    assert {"taps", "decide", "sync", "ingest", "reader", "live"} <= limits.keys()
    for figures in limits.values():
        for limit in figures.values():
            assert set(limit) <= {"max", "min"}
            assert limit


def test_the_command_exits_with_1_when_a_limit_is_missed(tmp_path):
    script = (
        "from pathlib import Path; from launcher import bench, cli; import sys\n"
        f"bench.ROOT = Path({str(tmp_path)!r}); bench.FOLDER = bench.ROOT / 'benchmarks'\n"
        "bench.read_limits.__defaults__ = (bench.FOLDER / 'limits.toml',)\n"
        "cli.main(['bench', 'noisy-one', '--json'])"
    )
    made = tmp_path / "benchmarks"
    made.mkdir()
    (made / "__init__.py").write_text("")
    (made / "noisy_one.py").write_text(NOISY)
    (made / "limits.toml").write_text("[noisy-one.events]\nmin = 8\n")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["missed"] == [
        "events is 7, below its limit of 8."
    ]


def test_every_limit_is_one_of_a_benchmark_and_no_promise_goes_without():
    known, limited = set(bench.catalogue()), set(bench.read_limits())
    assert not limited - known, "These limits are of no benchmark."
    promised = {"taps", "decide", "sync", "ingest", "reader", "live", "storm", "startup"}
    assert promised <= limited, "Without a limit a benchmark cannot fail."
