"""Engines that the settings name are not started; the rest of the settings is made up."""

import socket

import pytest

from launcher import steps
from launcher.data_folder import DataFolder
from launcher.doctor import examine
from launcher.settings import given_settings
from launcher.supervisor import Supervisor
from launcher.system import System, UpOptions

GIVEN = {
    "CURB_DATABASE_URL": "postgresql://me:secret@db.example/curb",
    "CURB_REDIS_URL": "redis://cache.example:6379/0",
    "CURB_MQTT_URL": "mqtts://broker.example:8883",
}


@pytest.fixture
def system(tmp_path):
    return System(
        folder=DataFolder(tmp_path),
        options=UpOptions(data=tmp_path, port=None, has_simulation=False, is_fresh=False),
        supervisor=Supervisor(print),
        tick=lambda: None,
    )


def test_an_engine_that_the_environment_names_is_not_started(system, monkeypatch):
    for name, url in GIVEN.items():
        monkeypatch.setenv(name, url)
    steps.start_postgres(system)
    steps.start_valkey(system)
    steps.start_cloud_broker(system)
    assert system.supervisor.children == []
    assert not GIVEN.keys() & system.variables.keys()
    assert system.setting("CURB_DATABASE_URL") == GIVEN["CURB_DATABASE_URL"]
    # The cloud is a client of that broker all the same, with a certificate of our authority.
    assert (system.folder / "cloud" / "ca" / "cloud.pem").exists()


def test_without_them_the_settings_point_at_our_own_engines(tmp_path):
    folder = DataFolder(tmp_path)
    made = given_settings(folder, {"CURB_DATA_DIR": "/somewhere/else"})
    assert f":{folder.port('postgres')}/" in made["CURB_DATABASE_URL"]
    assert folder.secret("postgres") in made["CURB_DATABASE_URL"]
    assert f":{folder.port('valkey')}/" in made["CURB_REDIS_URL"]
    assert made["CURB_MQTT_PERMISSIONS_FILE"].startswith(str(tmp_path))
    assert made["CURB_DATA_DIR"] == str(tmp_path / "cloud")


def test_another_database_gets_the_demo_anew(system, monkeypatch):
    steps.remember_demo(system)
    assert steps.has_demo(system)
    monkeypatch.setenv("CURB_DATABASE_URL", GIVEN["CURB_DATABASE_URL"])
    assert not steps.has_demo(system)


def test_the_doctor_names_taken_ports_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setattr("launcher.doctor._trial", list)
    folder = DataFolder(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        folder.remember_port("http", port)
        folder.remember_port("site-broker", port)
        findings = {finding.name: finding for finding in examine(tmp_path, None)}
    assert not findings["port"].is_ok
    assert "--port" in findings["port"].fix
    assert not findings["port of site-broker"].is_ok
    assert findings["wheel of PostgreSQL"].is_ok
    assert all(finding.fix for finding in findings.values() if not finding.is_ok)
