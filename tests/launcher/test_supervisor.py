"""Children die and return, in order, without orphans; told with real, tiny processes."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import ChildFailedError
from launcher.program import Program
from launcher.supervisor import Supervisor, restart_delay_s, rotate

PATIENCE_S = 15
# Says so when it hears the polite signal, and when it is up.
POLITE = """
import signal, sys, time
def leave(*_):
    print("left", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
while True:
    time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("up", child.pid, flush=True)
while True:
    time.sleep(60)
"""
BROKEN = "print('the reason'); raise SystemExit(3)"


class Script(Program):
    stop_within_s = 5.0
    ready_within_s = 10.0

    def __init__(self, folder: Path, name: str, source: str) -> None:
        super().__init__(name, log_path=folder / f"{name}.log")
        self.source = source

    def command(self):
        return [sys.executable, "-c", self.source]

    def is_ready(self) -> bool:
        return "up" in self.log_since_start()


class World:
    """A supervisor whose clock only moves when told, and everything it said."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.said: list[str] = []
        self.supervisor = Supervisor(self.said.append, now_s=lambda: self.now_s, draw=lambda: 0.0)

    def look_until(self, wanted) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not wanted():
            assert time.monotonic() < deadline, self.said
            self.supervisor.look()
            time.sleep(0.01)


@pytest.fixture
def world():
    made = World()
    yield made
    made.supervisor.stop()


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_a_child_that_dies_is_started_again_and_said_so(world, tmp_path):
    program = Script(tmp_path, "polite", POLITE)
    world.supervisor.start(program)
    first = program.pid
    psutil.Process(first).kill()
    world.look_until(lambda: world.supervisor.children[0].state == "waiting")
    assert "polite ended with signal SIGKILL; it is started again in" in world.said[0]
    world.supervisor.look()
    assert not program.is_running(), "it must wait for its back-off"
    world.now_s += 1
    world.look_until(lambda: world.supervisor.children[0].state == "ready")
    assert program.pid != first
    assert world.said[-1] == "polite is back."
    assert world.supervisor.children[0].restarts == 1


def test_children_are_stopped_in_reverse_order(world, tmp_path):
    order = []
    for name in ("first", "second", "third"):
        program = Script(tmp_path, name, POLITE)
        stop = program.stop
        program.stop = lambda *how, name=name, stop=stop: (order.append(name), stop(*how))
        world.supervisor.start(program)
    logs = [child.program.log_path for child in world.supervisor.children]
    world.supervisor.stop()
    assert order == ["third", "second", "first"]
    assert all("left" in log.read_text() for log in logs)


def test_a_deaf_child_is_killed(world, tmp_path):
    program = Script(tmp_path, "deaf", DEAF)
    program.stop_within_s = 0.2
    world.supervisor.start(program)
    pid = program.pid
    world.supervisor.stop()
    wait_gone(pid)
    assert program.exit_status == -signal.SIGKILL


def test_a_second_ctrl_c_kills_without_waiting(world, tmp_path):
    program = Script(tmp_path, "deaf", DEAF)
    program.stop_within_s = 3600
    world.supervisor.start(program)
    world.supervisor.stop(is_impatient=lambda: True)
    assert program.exit_status == -signal.SIGKILL


def test_what_a_child_started_goes_with_it(world, tmp_path):
    program = Script(tmp_path, "parent", PARENT)
    world.supervisor.start(program)
    grandchild = int(program.log_since_start().split()[1])
    psutil.Process(program.pid).kill()
    world.look_until(lambda: world.supervisor.children[0].state == "waiting")
    wait_gone(grandchild)


def test_a_child_that_never_gets_ready_tells_the_end_of_its_log(world, tmp_path):
    with pytest.raises(ChildFailedError, match=r"status 3 before it was ready.*\n.*the reason"):
        world.supervisor.start(Script(tmp_path, "broken", BROKEN))


def test_a_program_that_is_not_there_is_a_sentence(world, tmp_path):
    program = Script(tmp_path, "ghost", "")
    program.command = lambda: ["/nowhere/at/all"]
    with pytest.raises(ChildFailedError, match="ghost could not be started"):
        world.supervisor.start(program)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the children")
def test_children_follow_a_supervisor_that_was_killed(tmp_path):
    source = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from launcher.program import Program
class Sleeper(Program):
    def command(self):
        return [sys.executable, "-c", "import time; time.sleep(600)"]
program = Sleeper("sleeper", log_path=Path({str(tmp_path / "sleeper.log")!r}))
program.start()
print("up", program.pid, flush=True)
time.sleep(600)
"""
    outer = Script(tmp_path, "outer", source)
    outer.run()
    inner = int(outer.log_since_start().split()[1])
    assert psutil.pid_exists(inner)
    psutil.Process(outer.pid).kill()
    wait_gone(inner)
    outer.stop()


@given(deaths=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_the_back_off_is_bounded_and_never_shrinks_with_more_deaths(deaths, draw):
    delay_s = restart_delay_s(deaths, draw)
    assert 0.25 <= delay_s <= 30
    assert restart_delay_s(deaths + 1, draw) >= delay_s


def test_a_long_log_is_moved_aside_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "child.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(f"part {number} ".encode() * 10)
            rotate(log, bytes_max=20)
    assert log.read_text() == ""
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["child.log", "child.log.1", "child.log.2", "child.log.3"]
    assert (tmp_path / "child.log.1").read_text().startswith("part 4")
    assert (tmp_path / "child.log.3").read_text().startswith("part 2")
    rotate(tmp_path / "never.log")
