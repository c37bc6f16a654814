"""`curb up` as a person meets it: real programs, Ctrl-C, a second start, a killed child."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launcher.errors import ExitCode
from provisioning.cloud_api import Api
from tests.support.engines import scratch_folder

# One worker runs a whole file: these tests share one system, and the last of them stops it.
pytestmark = pytest.mark.system

# Loaded machines are slow; a healthy one is up in 10 s and stops in 1 s.
PATIENCE_S = 150


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CURB_")}
    return kept | {"PYTHONUNBUFFERED": "1"}


def curb(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launcher", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_S,
        check=False,
    )


class Up:
    """One running `curb up`."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.log = data.parent / "up.log"
        with self.log.open("ab") as log:
            self.seen = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launcher", "up", "--data", str(data), *arguments],
                stdout=log,
                stderr=log,
                env=environment(),
                process_group=0,
            )

    def said(self) -> str:
        return self.log.read_bytes()[self.seen :].decode()

    def wait_said(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def status(self) -> dict:
        done = curb("status", "--json", "--data", self.data)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(data: Path, *arguments: str) -> Iterator[Up]:
    up = Up(data, *arguments)
    try:
        up.wait_said("Ctrl-C stops everything")
        yield up
    finally:
        if up.stop() is None:
            up.process.kill()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where this module's system lives: started, stopped and started again by the tests below."""
    with scratch_folder() as made:
        yield made


@pytest.fixture(scope="module")
def system(folder) -> Iterator[Up]:
    with running(folder / "data", "--no-sim", "--port", "0") as up:
        yield up


def test_it_says_where_everything_is_and_who_may_log_in(system):
    said = system.said()
    status = system.status()
    assert status["is_up"] is True
    names = [child["name"] for child in status["children"]]
    engines = ["postgres", "valkey", "cloud-broker"]
    assert names == [*engines, "cloud", "surveillance", "site-broker", "edge-agent"]
    assert status["urls"]["Web API"] in said
    for log_in in status["log_ins"]:
        assert log_in["email"] in said
        assert log_in["password"] in said
    with urllib.request.urlopen(status["urls"]["API description"], timeout=10) as answer:
        assert json.load(answer)["info"]["title"] == "Curb"


def first_admission(status: dict) -> dict:
    """The first car that the operator sees coming in."""
    operator = next(who for who in status["log_ins"] if who["role"] == "operator")
    deadline = time.monotonic() + PATIENCE_S
    with Api(status["urls"]["Web API"].removesuffix("/api/v1")) as api:
        api.log_in(operator["email"], operator["password"])
        while time.monotonic() < deadline:
            log = api.get("/api/v1/lots/elm/access-log", admitted="true")["items"]
            if found := [entry for entry in log if entry["direction"] == "entry"]:
                return found[-1]
            time.sleep(0.2)
    raise AssertionError("no car came in")


def wait_for_trades(up: Up) -> dict:
    """The venue, once simulated traders have traded on it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (venue := up.status()["venue"]) and venue["trades"] > 0:
            return venue
    raise AssertionError("nobody trades")


def test_each_shown_log_in_opens_the_api(system):
    status = system.status()
    for log_in in status["log_ins"]:
        body = json.dumps({"email": log_in["email"], "password": log_in["password"]}).encode()
        request = urllib.request.Request(
            f"{status['urls']['Web API']}/auth/login",
            data=body,
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["access_token"]


def test_the_demo_trader_trades_with_the_key_that_was_shown(system):
    said = system.said()
    key = system.status()["trader_key"]
    assert key["key_id"] in said
    assert key["secret"] in said
    placed = curb("trade", "buy", "AAPL", "1", "--limit", "1.00", "--json", "--data", system.data)
    assert placed.returncode == 0, placed.stderr
    order = json.loads(placed.stdout)
    assert (order["symbol"], order["status"]) == ("AAPL", "new")
    refused = curb("trade", "buy", "AAPL", "1000000", "--limit", "400", "--data", system.data)
    assert refused.returncode == ExitCode.FAILED
    assert "refused" in refused.stderr
    shown = curb("trade", "AAPL", "--seconds", "5", "--data", system.data)
    assert "1.00" in shown.stdout, shown.stderr
    assert curb("trade", "cancel", order["id"], "--data", system.data).returncode == 0
    held = json.loads(curb("trade", "positions", "--json", "--data", system.data).stdout)
    assert {each["symbol"] for each in held} == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}


def test_keys_buy_and_cancel_on_the_ladder(system):
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher", "trade", "AAPL", "--data", str(system.data)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment() | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    )
    os.close(theirs)
    os.set_blocking(ours, False)

    def press(keys: bytes, until: bytes) -> None:
        os.write(ours, keys)
        shown, deadline = b"", time.monotonic() + PATIENCE_S
        while until not in shown:
            assert time.monotonic() < deadline, shown[-2000:].decode()
            with contextlib.suppress(BlockingIOError):
                shown += os.read(ours, 65_536)
            time.sleep(0.02)

    try:
        placed = curb("trade", "buy", "AAPL", "3", "--limit", "7.00", "--data", system.data)
        assert placed.returncode == 0, placed.stderr
        # The bar is drawn from the market data, the price itself may be from the list of orders.
        press(b"", "▪".encode())
        # And it knows of the order: what it does not know of it cannot cancel.
        press(b"", b"33m       3\x1b")
        press(b"\x1b[A\x1b[Bb", b"buy 10 at 6.99: new")
        press(b"C", b"2 of 2 cancelled.")
        os.write(ours, b"q")
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_the_status_tells_of_the_venue(system):
    venue = system.status()["venue"]
    assert venue["leads"] is True
    assert venue["instruments"] == 5


def test_the_status_tells_of_surveillance_in_a_process_of_its_own(system):
    status = system.status()
    assert status["surveillance"]["watches"] is True
    assert status["surveillance"]["behind_s"] < 60
    pids = {child["name"]: child["pid"] for child in status["children"]}
    watcher, cloud = (psutil.Process(pids[name]) for name in ("surveillance", "cloud"))
    assert watcher.nice() > cloud.nice()
    deadline = time.monotonic() + PATIENCE_S
    while status["surveillance"]["sequence"] < status["venue"]["sequence"]:
        assert time.monotonic() < deadline, status
        status = system.status()


def test_the_doctor_reaches_every_engine(system):
    done = curb("doctor", "--json", "--data", system.data)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    for name in ("database", "cache", "broker"):
        assert findings[f"{name} round trip"]["ok"], findings
    assert findings["web API"]["ok"]
    assert findings["surveillance"]["ok"], findings
    assert findings["site elm-street"]["ok"], findings
    assert done.returncode == 0


def test_a_second_instance_on_the_same_data_is_refused(system):
    done = curb("up", "--data", system.data)
    assert done.returncode == ExitCode.ALREADY_RUNNING
    assert f"process {system.process.pid}" in done.stderr


def test_a_taken_port_is_a_sentence_with_the_fix(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = curb("up", "--data", tmp_path / "data", "--port", str(port))
    assert done.returncode == ExitCode.PORT_TAKEN
    assert f"Port {port}" in done.stderr
    assert "--port" in done.stderr


def test_a_folder_that_cannot_be_written_is_a_sentence_with_the_fix(tmp_path):
    (tmp_path / "file").write_text("")
    done = curb("up", "--data", tmp_path / "file" / "data")
    assert done.returncode == ExitCode.DISK
    assert "--data" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_child_is_started_again_and_said_so(system):
    before = {child["name"]: child for child in system.status()["children"]}
    os.kill(before["valkey"]["pid"], signal.SIGKILL)
    system.wait_said("valkey ended with signal SIGKILL; it is started again in")
    system.wait_said("valkey is back.")
    after = {child["name"]: child for child in system.status()["children"]}
    assert after["valkey"]["restarts"] == 1
    assert after["valkey"]["pid"] != before["valkey"]["pid"]
    with urllib.request.urlopen(
        system.status()["urls"]["Web API"].replace("/api/v1", "/healthz"), timeout=10
    ) as answer:
        assert answer.status == 200


def test_the_audit_trail_verifies_and_migrations_run_again(system):
    assert curb("audit", "verify", "--data", system.data).returncode == 0
    assert curb("migrate", "--data", system.data).returncode == 0


def test_ctrl_c_leaves_no_process_and_a_second_up_keeps_the_data(system):
    before = system.status()
    family = system.family()
    assert len(family) > 5
    assert system.stop() == 0
    assert "Everything is stopped." in system.said()
    assert [process for process in family if process.is_running()] == []
    assert curb("status", "--data", system.data).returncode == ExitCode.NOT_RUNNING

    with running(system.data) as again:
        after = again.status()
        assert after["urls"] == before["urls"]
        assert after["log_ins"] == before["log_ins"]
        # And now with gates: a driver's card is answered, and the cloud has it in its books.
        assert [child["name"] for child in after["children"]][-2:] == ["traders", "simulation"]
        entry = first_admission(after)
        assert wait_for_trades(again)["orders"] > 20
    assert entry["gate"].startswith("elm-in-")
    assert entry["reason"] == "walk_up"


def test_a_closed_terminal_stops_everything():
    with scratch_folder() as made:
        reader, writer = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", "up", "--data", str(made / "data"), "--port", "0"],
            stdin=writer,
            stdout=writer,
            stderr=writer,
            env=environment() | {"TERM": "xterm"},
            # The session's leader, so that closing its terminal sends SIGHUP as for a person.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(writer)
        shown = b""
        while b"PostgreSQL ready" not in shown:
            shown += os.read(reader, 4096)
        family = psutil.Process(process.pid).children(recursive=True)
        os.close(reader)
        assert process.wait(PATIENCE_S) == ExitCode.INTERRUPTED
        assert [child for child in family if child.is_running()] == []


def test_a_stop_while_it_still_starts_leaves_no_process(tmp_path):
    with scratch_folder() as made:
        up = Up(made / "data", "--no-sim", "--port", "0")
        up.wait_said("PostgreSQL ready")
        family = up.family()
        assert up.stop(signal.SIGTERM) == ExitCode.INTERRUPTED
        assert [process for process in family if process.is_running()] == []
