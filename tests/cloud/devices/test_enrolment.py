"""Certificates say what the registry says, and no more; keys are made once."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.enrolment.broker_certificates import (
    issue_broker_certificate,
    issue_cloud_client,
    write_first_permissions,
)
from cloud.devices.enrolment.ca import (
    CertificateAuthority,
    csr_pem,
    load_or_create_ca,
    load_private_key,
    new_private_key_pem,
    read_csr,
)
from cloud.devices.enrolment.errors import CsrError, NotEnrolledError, RevokedError
from cloud.devices.gates.schemas import GateCreate
from cloud.devices.wire import Devices
from cloud.kit.feature import Kit
from protocols.portable import macs

SOMEBODY = UUID(int=7)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def fresh_csr(name: str = "whatever") -> str:
    return csr_pem(load_private_key(new_private_key_pem()), name)


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    """An authority of NOW."""
    return load_or_create_ca(tmp_path / "ca", lambda: NOW)


def read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_the_name_is_the_registrys_whatever_the_request_says(
    authority: CertificateAuthority,
) -> None:
    issued = authority.issue_client(fresh_csr("cloud"), "elm-in-1")
    certificate = read(issued.pem)
    assert common_name(certificate) == "elm-in-1"
    assert usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert f"{certificate.serial_number:x}" == issued.serial
    assert certificate.fingerprint(hashes.SHA256()).hex() == issued.sha256
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_brokers_certificate_cannot_be_a_client(authority: CertificateAuthority) -> None:
    names = ("127.0.0.1", "broker.example.org")
    certificate = read(authority.issue_server(fresh_csr(), "broker-elm", names).pem)
    assert usages(certificate) == [ExtendedKeyUsageOID.SERVER_AUTH]
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert {str(name.value) for name in extension.value} == set(names)


def test_no_certificate_outlives_the_authority(tmp_path: Path) -> None:
    load_or_create_ca(tmp_path / "ca", lambda: NOW)
    late = load_or_create_ca(tmp_path / "ca", lambda: NOW + timedelta(days=30 * 365 - 10))
    ca = read(late.pem)
    assert read(late.issue_client(fresh_csr(), "x").pem).not_valid_after_utc == (
        ca.not_valid_after_utc
    )


def test_the_authority_is_made_once_and_its_key_is_its_owners_only(tmp_path: Path) -> None:
    first = load_or_create_ca(tmp_path / "ca")
    assert load_or_create_ca(tmp_path / "ca").pem == first.pem
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600


def test_a_certificate_of_another_authority_is_foreign(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    other = load_or_create_ca(tmp_path / "other", lambda: NOW)
    assert authority.has_issued(read(authority.issue_client(fresh_csr(), "a").pem))
    assert not authority.has_issued(read(other.issue_client(fresh_csr(), "a").pem))


@given(st.text(max_size=200) | st.just("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"))
def test_what_is_no_request_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(CsrError):
        read_csr(text)


def test_a_request_with_another_kind_of_key_is_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        with pytest.raises(CsrError, match="P-256"):
            read_csr(pem.decode())


def test_a_request_signed_with_another_key_is_refused() -> None:
    pem = fresh_csr()
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(CsrError):
        read_csr(broken.decode())


def test_broker_files_are_kept_while_they_are_good_and_made_anew_for_other_names(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "tls"
    issue_broker_certificate(tmp_path / "ca", folder, "cloud-broker", ("127.0.0.1",))
    first = (folder / "cert.pem").read_text()
    issue_broker_certificate(tmp_path / "ca", folder, "cloud-broker", ("127.0.0.1",))
    assert (folder / "cert.pem").read_text() == first
    issue_broker_certificate(tmp_path / "ca", folder, "cloud-broker", ("127.0.0.1", "b.org"))
    assert (folder / "cert.pem").read_text() != first
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")


def test_the_first_list_of_clients_admits_the_cloud_alone_and_is_not_written_over(
    tmp_path: Path,
) -> None:
    path = tmp_path / "broker" / "permissions.conf"
    write_first_permissions(path)
    assert "CN=cloud" in path.read_text()
    path.write_text("mine")
    write_first_permissions(path)
    assert path.read_text() == "mine"
    issue_cloud_client(tmp_path / "ca")
    assert common_name(read((tmp_path / "ca" / "cloud.pem").read_text())) == "cloud"


async def test_a_gate_gets_the_key_its_site_derives_for_it(kit: Kit, devices: Devices) -> None:
    async with kit.database.session() as session:
        enrolment = devices.enrolment(session)
        site = await enrolment.enrol_site(SOMEBODY, "elm", fresh_csr())
        first = await enrolment.enrol_gate(SOMEBODY, "elm-in", fresh_csr())
        other = await enrolment.enrol_gate(SOMEBODY, "oak-in", fresh_csr())
    assert first.gate_key == macs.gate_key(bytes.fromhex(site.site_key), "elm-in").hex()
    assert first.card_master_key == other.card_master_key
    assert first.gate_key != other.gate_key
    assert common_name(read(site.certificate_pem)) == "site-elm"


async def test_keys_are_sealed_in_the_database(kit: Kit, devices: Devices, pool: Any) -> None:
    async with kit.database.session() as session:
        site = await devices.enrolment(session).enrol_site(SOMEBODY, "elm", fresh_csr())
        gate = await devices.enrolment(session).enrol_gate(SOMEBODY, "elm-in", fresh_csr())
    for sealed, key in [
        (await pool.fetchval("SELECT site_key_sealed FROM sites WHERE id = 'elm'"), site.site_key),
        (await pool.fetchval("SELECT sealed FROM deployment_secrets"), gate.card_master_key),
    ]:
        assert bytes.fromhex(key) not in sealed
        assert key.encode() not in sealed


async def test_enrolling_again_keeps_the_keys_and_replaces_the_certificate(
    kit: Kit, devices: Devices
) -> None:
    async with kit.database.session() as session:
        enrolment = devices.enrolment(session)
        first = await enrolment.enrol_gate(SOMEBODY, "elm-in", fresh_csr())
        second = await enrolment.enrol_gate(SOMEBODY, "elm-in", fresh_csr())
        gate = await devices.gates(session).get("elm-in")
    assert first.gate_key == second.gate_key
    assert first.certificate_pem != second.certificate_pem
    assert gate.certificate_serial == f"{read(second.certificate_pem).serial_number:x}"


async def test_a_revoked_id_is_burned_and_its_lane_is_free(kit: Kit, devices: Devices) -> None:
    async with kit.database.session() as session:
        enrolment = devices.enrolment(session)
        await enrolment.enrol_gate(SOMEBODY, "elm-in", fresh_csr())
        await enrolment.revoke_gate(SOMEBODY, "elm-in", "stolen")
        with pytest.raises(RevokedError):
            await enrolment.enrol_gate(SOMEBODY, "elm-in", fresh_csr())
        await devices.gates(session).create_gate(
            None, "elm", GateCreate(id="elm-in-new", lane="elm-in")
        )
        picture = await devices.desired.picture(session, "elm")
    assert picture is not None
    assert picture.gates == []


async def test_a_sites_broker_is_certified_for_its_own_address_only(
    kit: Kit, devices: Devices
) -> None:
    async with kit.database.session() as session:
        enrolment = devices.enrolment(session)
        with pytest.raises(NotEnrolledError):
            await enrolment.broker_certificate(SOMEBODY, "elm", fresh_csr())
        await enrolment.enrol_site(SOMEBODY, "elm", fresh_csr())
        made = await enrolment.broker_certificate(SOMEBODY, "elm", fresh_csr("cloud"))
    certificate = read(made.certificate_pem)
    assert common_name(certificate) == "broker-elm"
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert {str(name.value) for name in extension.value} == {"127.0.0.1", "localhost"}
