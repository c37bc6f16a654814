"""Enrolment: a device gets its certificate and keys, once; and how it loses them again.

Brokers know a client by the name in its certificate. So a revoked id is burned: were it enrolled
again, the certificate that was revoked would be admitted with the new one.
"""

from urllib.parse import urlsplit
from uuid import UUID

from cloud.devices.enrolment.ca import CertificateAuthority, Issued
from cloud.devices.enrolment.errors import NotEnrolledError, RevokedError
from cloud.devices.enrolment.schemas import BrokerCertificate
from cloud.devices.gates.service import GateService
from cloud.devices.gates.tables import GateRow
from cloud.devices.keys import DeviceKeys
from cloud.devices.sites.desired import DesiredState
from cloud.devices.sites.service import SiteService
from cloud.devices.sites.tables import ENROLLED, REVOKED, SiteRow
from cloud.devices.wake import Wake, Work
from cloud.kit.database import AsyncSession
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from protocols.enrolment import GateIdentity, SiteIdentity, site_common_name
from protocols.portable import macs


class EnrolmentService:
    """One request's enrolments and revocations; the session commits them.

    broker_url: where sites find the cloud broker.
    """

    def __init__(
        self,
        session: AsyncSession,
        *,
        authority: CertificateAuthority,
        keys: DeviceKeys,
        sites: SiteService,
        gates: GateService,
        desired: DesiredState,
        wake: Wake,
        acts: ActRecorder,
        broker_url: str,
    ) -> None:
        self._session = session
        self._authority = authority
        self._keys = keys
        self._sites = sites
        self._gates = gates
        self._desired = desired
        self._wake = wake
        self._acts = acts
        self._broker_url = broker_url

    async def enrol_site(self, actor: UUID, site: str, csr_pem: str) -> SiteIdentity:
        """Give a site's agent its identity, in place of any it had.

        Raises:
            SiteMissingError, RevokedError, CsrError: said in the error.
        """
        row = await self._sites.row(site)
        _refuse_revoked(f"Site {site}", row.state)
        issued = self._authority.issue_client(csr_pem, site_common_name(site))
        _keep(row, issued)
        await self._session.flush()
        self._wake.after_commit(self._session, Work.PERMISSIONS, site)
        self._wake.after_commit(self._session, Work.DESIRED, site)
        await self._record(actor, "site.enrolled", f"site:{site}", issued.serial)
        address = urlsplit(self._broker_url)
        return SiteIdentity(
            site=site,
            certificate_pem=issued.pem,
            ca_pem=self._authority.pem,
            site_key=self._keys.open_site_key(site, row.site_key_sealed).hex(),
            broker_host=address.hostname or "",
            broker_port=address.port or 8883,
        )

    async def enrol_gate(self, actor: UUID, gate: str, csr_pem: str) -> GateIdentity:
        """Give a gate its identity, in place of any it had.

        Raises:
            GateMissingError, RevokedError, CsrError: said in the error.
        """
        row = await self._gates.row(gate)
        _refuse_revoked(f"Gate {gate}", row.state)
        site = await self._sites.row(row.site)
        issued = self._authority.issue_client(csr_pem, gate)
        _keep(row, issued)
        await self._desired.site_changed(self._session, row.site)
        card_master_key = await self._keys.card_master_key(self._session)
        site_key = self._keys.open_site_key(site.id, site.site_key_sealed)
        await self._record(actor, "gate.enrolled", f"gate:{gate}", issued.serial)
        return GateIdentity(
            gate=gate,
            site=site.id,
            certificate_pem=issued.pem,
            ca_pem=self._authority.pem,
            gate_key=macs.gate_key(site_key, gate).hex(),
            card_master_key=card_master_key.hex(),
            broker_host=site.broker_host,
            broker_port=site.broker_port,
        )

    async def broker_certificate(self, actor: UUID, site: str, csr_pem: str) -> BrokerCertificate:
        """A server certificate for a site's own broker, for the address the registry has.

        Raises:
            SiteMissingError, NotEnrolledError, CsrError: said in the error.
        """
        row = await self._sites.row(site)
        if row.state != ENROLLED:
            raise NotEnrolledError(f"Enrol the agent of {site} first.")
        names = sorted({row.broker_host, "localhost", "127.0.0.1"})
        issued = self._authority.issue_server(csr_pem, f"broker-{site}", names)
        await self._record(actor, "site.broker_certified", f"site:{site}", issued.serial)
        return BrokerCertificate(certificate_pem=issued.pem, ca_pem=self._authority.pem)

    async def revoke_site(self, actor: UUID, site: str, reason: str) -> None:
        """End a site's access to the cloud, and its connection; for good.

        Raises:
            SiteMissingError: there is none.
        """
        row = await self._sites.row(site)
        row.state = REVOKED
        await self._session.flush()
        self._wake.after_commit(self._session, Work.PERMISSIONS, site)
        await self._record(actor, "site.revoked", f"site:{site}", row.certificate_serial, reason)

    async def revoke_gate(self, actor: UUID, gate: str, reason: str) -> None:
        """End a gate's access to its site; for good. Its lane is free for another gate.

        Raises:
            GateMissingError: there is none.
        """
        row = await self._gates.row(gate)
        row.state = REVOKED
        await self._desired.site_changed(self._session, row.site)
        await self._record(actor, "gate.revoked", f"gate:{gate}", row.certificate_serial, reason)

    async def _record(
        self,
        actor: UUID,
        action: str,
        subject: str,
        serial: str | None,
        reason: str | None = None,
    ) -> None:
        details = {"serial": serial, "reason": reason}
        act = PrivilegedAct(actor, action, subject, {k: v for k, v in details.items() if v})
        await self._acts.record(self._session, act)


def _refuse_revoked(what: str, state: str) -> None:
    if state == REVOKED:
        raise RevokedError(
            f"{what} was revoked, and its old certificate would work again with a new one. "
            "Register the new device under a new id."
        )


def _keep(row: SiteRow | GateRow, issued: Issued) -> None:
    row.state = ENROLLED
    row.certificate_serial = issued.serial
    row.certificate_sha256 = issued.sha256
    row.certificate_not_after = issued.not_after
