"""What provisioning writes is what the gate reads; what is broken is as good as absent."""

import json

import pytest

from firmware.boot import CRASHES_MAX, HEALTHY_MS, Boot
from firmware.settings import changed_config, der, read_identity
from firmware.storage import Storage
from firmware.supervisor import Supervisor
from protocols.portable import macs
from tests.support.certificates import TestAuthority
from tests.support.pki import CARD_MASTER_KEY, SITE_KEY, write_flash


def test_an_enrolled_gate_knows_its_keys_and_certificates(tmp_path):
    authority = TestAuthority(tmp_path / "ca")
    write_flash(tmp_path / "flash", authority, "elm-in-1", 8883)
    identity = read_identity(Storage(str(tmp_path / "flash")))
    assert identity.gate == "elm-in-1"
    assert identity.key == macs.gate_key(SITE_KEY, "elm-in-1")
    assert identity.card_master_key == CARD_MASTER_KEY
    assert identity.certificate[0] == 0x30
    assert identity.broker_port == 8883


@pytest.mark.parametrize("name", ["identity.json", "key.pem"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe", b"[1]"])
def test_a_gate_with_a_broken_identity_is_not_enrolled(tmp_path, name, content):
    authority = TestAuthority(tmp_path / "ca")
    write_flash(tmp_path / "flash", authority, "elm-in-1", 8883)
    if content is None:
        (tmp_path / "flash" / name).unlink()
    else:
        (tmp_path / "flash" / name).write_bytes(content)
    assert read_identity(Storage(str(tmp_path / "flash"))) is None


def test_only_known_settings_within_their_range_are_taken_from_afar():
    config = {"direction": "exit", "wifi_password": "x"}
    assert changed_config(config, {"hold_ms": 9_000})["hold_ms"] == 9_000
    assert "hold_ms" not in config
    for change in (
        {"hold_ms": 1},
        {"hold_ms": True},
        {"hold_ms": "9000"},
        {"arm_switch": 1},
        {"direction": "entry"},
        {"policy": {}},
    ):
        assert changed_config(config, change) is None


def test_a_text_that_is_no_pem_is_refused():
    with pytest.raises(ValueError, match="not a PEM"):
        der("hello")


def test_crashes_lead_to_safe_mode_and_power_cuts_do_not(tmp_path):
    storage = Storage(str(tmp_path))
    for _ in range(3 * CRASHES_MAX):
        assert not Boot(storage, "power_on").is_safe_mode
    for _ in range(CRASHES_MAX - 1):
        assert not Boot(storage, "watchdog").is_safe_mode
    Boot(storage, "soft").crashed()
    safe = Boot(storage, "soft")
    assert safe.is_safe_mode
    safe.settle(HEALTHY_MS)
    assert Boot(storage, "power_on").is_safe_mode
    safe.forgive()
    assert not Boot(storage, "soft").is_safe_mode


def test_a_minute_of_work_forgives_the_crashes_before(tmp_path):
    storage = Storage(str(tmp_path))
    boot = Boot(storage, "watchdog")
    boot.settle(HEALTHY_MS)
    assert json.loads((tmp_path / "boot.json").read_text())["crashes"] == 0


def test_one_silent_task_keeps_the_watchdog_hungry():
    now_ms = 0
    supervisor = Supervisor(lambda: now_ms)
    supervisor.expect("lane", 1_000)
    supervisor.expect("link", 5_000)
    now_ms = 900
    assert supervisor.late() is None
    supervisor.alive("lane")
    now_ms = 1_800
    assert supervisor.late() is None
    now_ms = 2_000
    assert supervisor.late() == "lane"
    supervisor.alive("lane")
    assert supervisor.late() is None
