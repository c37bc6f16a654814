"""A killed `curb up` may leave a child behind; the next one ends it, and nobody else."""

import subprocess
import sys

import psutil
import pytest

from launcher.data_folder import DataFolder
from launcher.leftovers import end_leftovers, started_at_s


@pytest.fixture
def stray():
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], process_group=0
    )
    yield process
    process.kill()
    process.wait()


def note(folder: DataFolder, pid: int, started: float | None) -> None:
    children = [{"name": "edge-agent", "pid": pid, "started_at_s": started}]
    folder.write("running.json", {"children": [*children, {"name": "cloud", "pid": None}]})


def test_a_leftover_is_ended_and_said(tmp_path, stray):
    folder, said = DataFolder(tmp_path), []
    note(folder, stray.pid, started_at_s(stray.pid))
    end_leftovers(folder, said.append)
    assert not psutil.pid_exists(stray.pid)
    assert str(stray.pid) in said[0]
    assert not (tmp_path / "running.json").exists()


def test_a_process_that_got_the_number_since_is_left_alone(tmp_path, stray):
    folder, said = DataFolder(tmp_path), []
    note(folder, stray.pid, started_at_s(stray.pid) - 60)
    end_leftovers(folder, said.append)
    assert psutil.pid_exists(stray.pid)
    assert said == []


def test_a_folder_that_was_left_in_order_has_no_leftovers(tmp_path):
    end_leftovers(DataFolder(tmp_path), pytest.fail)
    assert started_at_s(None) is None
