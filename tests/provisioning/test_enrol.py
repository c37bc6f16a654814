"""Devices are enrolled at a real cloud: their keys stay with them, their names are the cloud's."""

import json
import stat
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from launcher.engines.valkey import Valkey
from provisioning.cloud_api import Api, ApiError, RefusedError
from provisioning.enrol import certify_site_broker, enrol_gate, enrol_site
from tests.support.cloud_process import cloud_process, run_cloud
from tests.support.engines import flush

SITE = "oak-street"
GATE = "oak-in-1"
OTHER_GATE = "oak-in-2"
BARE_SITE = "pine-street"


@pytest.fixture(scope="module")
def api(
    module_database_url: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """Logged in as technician; a site with two gates, and one without, are registered."""
    flush(valkey)
    environ = {
        "CURB_DATABASE_URL": module_database_url,
        "CURB_REDIS_URL": valkey.url,
        "CURB_DATA_DIR": str(tmp_path_factory.mktemp("cloud")),
        "CURB_ARGON2_MEMORY_KIB": "19456",
    }
    made = run_cloud(environ, "create-user", "tech@curb.local", "--role", "technician")
    password = json.loads(made.stdout)["password"]
    with cloud_process(environ) as url, Api(url) as connected:
        connected.log_in("tech@curb.local", password)
        connected.post("/api/v1/sites", {"id": SITE, "name": "Oak Street", "broker_port": 8884})
        connected.post("/api/v1/sites", {"id": BARE_SITE, "name": "Pine Street"})
        for gate in (GATE, OTHER_GATE):
            lane = {"id": f"{gate}-lane", "lot": "oak", "name": gate, "direction": "entry"}
            connected.post(f"/api/v1/sites/{SITE}/lanes", lane)
            connected.post(f"/api/v1/sites/{SITE}/gates", {"id": gate, "lane": lane["id"]})
        yield connected


def common_name(pem: bytes) -> str:
    name = x509.load_pem_x509_certificate(pem).subject
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_agent_broker_and_gate_get_identities_that_fit_their_keys(api, tmp_path):
    site = enrol_site(api, SITE, tmp_path / "agent")
    certify_site_broker(api, SITE, tmp_path / "broker")
    gate = enrol_gate(api, GATE, tmp_path / "gate", {"board": "rp2", "direction": "entry"})

    assert common_name(site.certificate_pem.encode()) == f"site-{SITE}"
    assert common_name(gate.certificate_pem.encode()) == GATE
    assert (gate.broker_host, gate.broker_port) == ("127.0.0.1", 8884)
    certificates = {
        "agent": site.certificate_pem.encode(),
        "gate": gate.certificate_pem.encode(),
        "broker": (tmp_path / "broker" / "cert.pem").read_bytes(),
    }
    authority = x509.load_pem_x509_certificate(site.ca_pem.encode())
    for owner, pem in certificates.items():
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(authority)
        key_path = tmp_path / owner / "key.pem"
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert key.public_key() == certificate.public_key()
        assert stat.S_IMODE(key_path.stat().st_mode) == 0o600
    assert json.loads((tmp_path / "gate" / "config.json").read_text())["board"] == "rp2"


def test_enrolling_again_changes_nothing_unless_it_is_asked_for(api, tmp_path):
    first = enrol_gate(api, OTHER_GATE, tmp_path, {"board": "esp32"})
    key = (tmp_path / "key.pem").read_text()
    (tmp_path / "config.json").write_text('{"board": "esp32", "pulse_ms": 700}')

    assert enrol_gate(api, OTHER_GATE, tmp_path, {"board": "rp2"}) == first
    assert (tmp_path / "key.pem").read_text() == key
    assert json.loads((tmp_path / "config.json").read_text())["pulse_ms"] == 700

    renewed = enrol_gate(api, OTHER_GATE, tmp_path, {"board": "rp2"}, is_renewed=True)
    assert renewed.certificate_pem != first.certificate_pem
    assert renewed.gate_key == first.gate_key, "the site goes on to know this gate"
    assert (tmp_path / "key.pem").read_text() != key


def test_a_refusal_carries_its_code_and_leaves_no_half_identity(api, tmp_path):
    with pytest.raises(RefusedError, match="404") as caught:
        enrol_gate(api, "oak-in-9", tmp_path / "gate", {})
    assert caught.value.status == 404
    assert caught.value.code
    assert not (tmp_path / "gate" / "identity.json").exists()
    assert not (tmp_path / "gate" / "key.pem").exists()

    with pytest.raises(RefusedError) as early:
        certify_site_broker(api, BARE_SITE, tmp_path / "broker")
    assert early.value.status == 409, "the agent is enrolled first"


def test_a_cloud_that_does_not_answer_is_a_sentence():
    with Api("http://127.0.0.1:9") as nowhere, pytest.raises(ApiError, match="did not answer"):
        nowhere.log_in("tech@curb.local", "whatever it was")
