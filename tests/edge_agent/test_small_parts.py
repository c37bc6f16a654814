"""Clock, settings, permissions, quarantine, back-off and counters: each by itself."""

import json
import os
import signal
import struct
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.broker_users import BrokerUsers
from edge_agent.clock import DAY_MS, FileClock, SystemClock, TrustedClock, clock_from
from edge_agent.health import FILE, write_health
from edge_agent.identity import IdentityError, load_identity
from edge_agent.issuer import Issuer
from edge_agent.link import retry_delay_ms
from edge_agent.outbox import Outbox
from edge_agent.quarantine import SOURCES_MAX, TELL_EVERY_MS, Quarantine
from edge_agent.settings import SettingsError, load_settings
from protocols import sealed
from protocols.gate import AnswerArgs
from protocols.portable import codes, macs, version
from protocols.site import CommandBody
from tests.edge_agent.stand import SITE_KEY

# --- clock ------------------------------------------------------------------------------------


def test_a_clock_behind_what_the_cloud_signed_is_unset(hand_clock):
    clock = TrustedClock(hand_clock)
    assert clock.quality() == codes.CLOCK_DRIFTING
    clock.note_signed(hand_clock.now_ms())
    assert clock.quality() == codes.CLOCK_SET
    hand_clock.wall_ms -= 3_600_000
    assert (clock.quality(), clock.known_ms()) == (codes.CLOCK_UNSET, None)
    # Known again after a restart, from what was stored.
    assert TrustedClock(hand_clock, clock.signed_at_ms).quality() == codes.CLOCK_UNSET
    hand_clock.wall_ms += 3_600_000 + 2 * DAY_MS
    assert clock.quality() == codes.CLOCK_DRIFTING


def test_a_jump_is_told_once_and_time_that_passes_is_none(hand_clock):
    clock = TrustedClock(hand_clock)
    hand_clock.advance(3_600_000)
    assert clock.take_jump_ms() == 0
    hand_clock.wall_ms -= 60_000
    assert clock.take_jump_ms() == -60_000
    assert clock.take_jump_ms() == 0


def test_the_simulators_file_is_the_time(tmp_path):
    path = tmp_path / "clock"
    path.write_bytes(struct.pack("<q", 1_234_567_890_123))
    clock = clock_from({"CURB_CLOCK_FILE": str(path)})
    assert isinstance(clock, FileClock)
    trusted = TrustedClock(clock)
    assert (trusted.now_ms(), trusted.quality()) == (1_234_567_890_123, codes.CLOCK_SET)
    path.write_bytes(struct.pack("<q", 5))
    trusted.note_signed(1_234_567_890_123)
    assert (trusted.known_ms(), trusted.quality()) == (5, codes.CLOCK_SET)
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="5 bytes"):
        clock.now_ms()
    clock.close()


def test_without_a_file_the_machines_clock_is_taken():
    clock = clock_from({})
    assert isinstance(clock, SystemClock)
    assert abs(clock.now_ms() - time.time() * 1000) < 5000


# --- settings and identity --------------------------------------------------------------------

LEAST = {
    "CURB_EDGE_SITE": "elm-street",
    "CURB_EDGE_DATA_DIR": "/data",
    "CURB_EDGE_IDENTITY_DIR": "/identity",
    "CURB_EDGE_SITE_BROKER_PORT": "8883",
}


def test_the_least_settings_are_enough():
    settings = load_settings(LEAST)
    assert (settings.site, settings.site_broker_port) == ("elm-street", 8883)
    assert (settings.cloud_broker_host, settings.report_every_s) == (None, 10.0)


@pytest.mark.parametrize("name", LEAST)
def test_a_missing_setting_is_named_with_its_meaning(name):
    with pytest.raises(SettingsError, match=f"{name} is not set. [A-Z]"):
        load_settings({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE", "Elm Street"),
        ("SITE_BROKER_PORT", "8883a"),
        ("SITE_BROKER_KIND", "emqx"),
        ("GATE_LIST_ENTRIES_MAX", "4001"),
        ("REPORT_EVERY_S", "0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name, value):
    with pytest.raises(SettingsError, match=f"CURB_EDGE_{name}"):
        load_settings(LEAST | {f"CURB_EDGE_{name}": value})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"site": "oak-street"}, "oak-street"),
        ({"site_key": "00"}, "not 32"),
        ({"site_key": "xyz"}, "Enrol"),
        ({"broker_port": "many"}, "Enrol"),
    ],
)
def test_a_wrong_identity_is_refused_in_a_sentence(tmp_path, changes, said):
    identity = {
        "site": "elm-street", "certificate_pem": "c", "ca_pem": "a", "site_key": "00" * 32,
        "broker_host": "h", "broker_port": 1,
    }  # fmt: skip
    (tmp_path / "identity.json").write_text(json.dumps(identity | changes))
    with pytest.raises(IdentityError, match=said):
        load_identity(tmp_path, "elm-street")


# --- the site broker's permissions ------------------------------------------------------------


def test_permissions_are_written_and_told_only_when_they_change(tmp_path):
    users, pid = tmp_path / "users.conf", tmp_path / "broker.pid"
    counting = (
        "import signal\ncount = 0\n"
        "def hear(*_):\n    global count\n    count += 1\n    print(count, flush=True)\n"
        "signal.signal(signal.SIGHUP, hear)\nprint(0, flush=True)\n"
        "while True:\n    signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", counting], stdout=subprocess.PIPE) as broker:
        assert broker.stdout.readline() == b"0\n"
        pid.write_text(str(broker.pid))
        admitted = BrokerUsers("elm-street", users_file=users, pid_file=pid, kind="nats")
        assert admitted.admit(["elm-in-1"])
        assert broker.stdout.readline() == b"1\n"
        assert not admitted.admit(["elm-in-1"])
        assert admitted.admit([])
        assert broker.stdout.readline() == b"2\n"
        broker.send_signal(signal.SIGKILL)
    assert "elm-in-1" not in users.read_text()
    assert "CN=site-elm-street" in users.read_text()
    assert users.stat().st_mode & 0o077 == 0


def test_permissions_for_mosquitto_and_a_broker_that_is_not_there(tmp_path):
    users, pid = tmp_path / "users.acl", tmp_path / "broker.pid"
    pid.write_text("not a number")
    admitted = BrokerUsers("elm-street", users_file=users, pid_file=pid, kind="mosquitto")
    assert admitted.admit(["elm-in-1"])
    assert "user elm-in-1\n" in users.read_text()
    assert not BrokerUsers("elm-street", users_file=None, pid_file=None, kind="nats").admit(["a"])
    nowhere = tmp_path / "no" / "such" / "users"
    assert not BrokerUsers("elm", users_file=nowhere, pid_file=None, kind="nats").admit(["a"])


# --- quarantine -------------------------------------------------------------------------------


async def told(store) -> list[dict]:
    rows = await store.run(lambda c: c.execute("SELECT event FROM outbox ORDER BY id").fetchall())
    return [json.loads(event)["data"] for (event,) in rows]


async def test_a_flood_is_told_once_a_minute_with_its_count(store, clock, hand_clock):
    quarantine = Quarantine(Outbox(store, clock, device="site-elm"), clock)
    for _ in range(1000):
        quarantine.put("elm-in-1", "malformed", b"\x00\xff{")
    hand_clock.advance(TELL_EVERY_MS)
    quarantine.put("elm-in-1", "malformed", b"x" * 9999)
    first, second = await told(store)
    assert (first["payload"], first["held_back"]) == ("\\x00\\xff{", 0)
    assert (second["held_back"], second["bytes"], len(second["payload"])) == (999, 9999, 256)
    assert quarantine.count == 1001


async def test_sources_without_end_do_not_fill_the_memory(store, clock):
    quarantine = Quarantine(Outbox(store, clock, device="site-elm"), clock)
    for number in range(SOURCES_MAX * 3):
        quarantine.put(f"gate-{number}", "foreign_device", b"")
    assert len(await told(store)) == SOURCES_MAX + 1


# --- issuer, link, health ---------------------------------------------------------------------


def counter_of(message: bytes, gate="elm-in-1") -> int:
    key = macs.gate_key(SITE_KEY, gate)
    return sealed.unseal(key, macs.COMMAND, message, CommandBody).counter


ANSWER = AnswerArgs(boot=2**31, tap=2**31, reason=codes.PASSBACK_REPORTED, mode="gate_list",
                    right="0198a1b2-0000-7000-8000-000000000001" * 2, list_version=2**31,
                    now_ms=2**42)  # fmt: skip


async def test_counters_rise_with_every_order_also_when_the_clock_goes_back(
    store, clock, hand_clock
):
    issuer, counters = Issuer(store, clock, SITE_KEY), []
    for step in range(6):
        if step % 2:
            message = await issuer.order("elm-in-1", "id", "time", {}, expires_ms=1)
        else:
            message = issuer.answer("elm-in-1", ANSWER)
        counters.append(counter_of(message))
        hand_clock.advance(-1000)
    assert counters == sorted(set(counters))
    # A restart knows the last stored one; gates store none higher.
    hand_clock.advance(-3_600_000)
    again = Issuer(store, clock, SITE_KEY)
    message = await again.order("elm-in-1", "id", "time", {}, expires_ms=1)
    assert counter_of(message) > counters[-1]


async def test_the_longest_answer_fits_a_gate(store, clock):
    message = Issuer(store, clock, SITE_KEY).answer("g" * 32, ANSWER)
    assert len(message) <= version.GATE_MESSAGE_BYTES_MAX


@given(st.integers(0, 1000), st.floats(0, 1, exclude_max=True), st.integers(1, 100_000))
def test_the_pause_before_another_try_is_bounded(attempt, draw, longest):
    assert 0 <= retry_delay_ms(attempt, draw, longest) <= longest


def test_the_pause_doubles_up_to_its_ceiling():
    most = [retry_delay_ms(attempt, 0.9999, 3000) for attempt in range(6)]
    assert most == [249, 499, 999, 1999, 2999, 2999]


def test_health_is_replaced_in_one_step(tmp_path):
    write_health(tmp_path, {"outbox": 1})
    write_health(tmp_path, {"outbox": 2})
    assert json.loads((tmp_path / FILE).read_text()) == {"outbox": 2}
    assert os.listdir(tmp_path) == [FILE]
