"""Sites over HTTP: the registry, enrolment of agents, and what was set aside."""

from collections.abc import Sequence
from typing import Annotated

from litestar import Controller, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.devices.enrolment.errors import CsrError, NotEnrolledError, RevokedError
from cloud.devices.enrolment.schemas import BrokerCertificate, EnrolmentRequest
from cloud.devices.enrolment.service import EnrolmentService
from cloud.devices.errors import LaneMissingError, SiteMissingError, SlugError, TakenError
from cloud.devices.gates.schemas import Gate, GateCreate, Lane, LaneCreate
from cloud.devices.gates.service import GateService
from cloud.devices.mqtt.records import DeviceRecords
from cloud.devices.mqtt.schemas import QuarantinedPayload
from cloud.devices.sites.schemas import Revocation, Site, SiteCreate, SiteUpdate
from cloud.devices.sites.service import SiteService
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from protocols.enrolment import SiteIdentity

SiteId = Annotated[str, PathParameter(description="The site's id.", max_length=32)]

_READERS = allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN, Role.AUDITOR)
_BUILDERS = allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN)
_TECHNICIANS = allow(Role.TECHNICIAN, Role.ADMIN)


class SitesController(Controller):
    """Sites."""

    path = "/api/v1/sites"
    tags = ("sites",)

    @post(
        "/",
        guards=[_BUILDERS],
        summary="Register a site",
        responses=problems(TakenError, SlugError, *ACCESS_PROBLEMS),
    )
    async def create(
        self,
        data: JSONBody[SiteCreate],
        sites: NamedDependency[SiteService],
        user: NamedDependency[User],
    ) -> Site:
        """A place with one edge agent, not yet enrolled."""
        return await sites.create(user.id, data)

    @get("/", guards=[_READERS], summary="List sites", responses=problems(*ACCESS_PROBLEMS))
    async def list_sites(self, sites: NamedDependency[SiteService]) -> Sequence[Site]:
        """Every site with its health."""
        return await sites.list_all()

    @get(
        "/{site_id:str}",
        guards=[_READERS],
        summary="One site",
        responses=problems(SiteMissingError, *ACCESS_PROBLEMS),
    )
    async def site(self, site_id: SiteId, sites: NamedDependency[SiteService]) -> Site:
        """One site with its health."""
        return await sites.get(site_id)

    @patch(
        "/{site_id:str}",
        guards=[_BUILDERS],
        summary="Change a site",
        responses=problems(SiteMissingError, SlugError, *ACCESS_PROBLEMS),
    )
    async def update(
        self,
        site_id: SiteId,
        data: JSONBody[SiteUpdate],
        sites: NamedDependency[SiteService],
        user: NamedDependency[User],
    ) -> Site:
        """Change the fields that are sent; gates learn a new broker address at enrolment."""
        return await sites.update(user.id, site_id, data)

    @post(
        "/{site_id:str}/lanes",
        guards=[_BUILDERS],
        summary="Add a lane",
        responses=problems(SiteMissingError, TakenError, *ACCESS_PROBLEMS),
    )
    async def create_lane(
        self,
        site_id: SiteId,
        data: JSONBody[LaneCreate],
        gates: NamedDependency[GateService],
        user: NamedDependency[User],
    ) -> Lane:
        """One way into or out of a lot."""
        return await gates.create_lane(user.id, site_id, data)

    @get(
        "/{site_id:str}/lanes",
        guards=[_READERS],
        summary="List lanes",
        responses=problems(SiteMissingError, *ACCESS_PROBLEMS),
    )
    async def lanes(
        self,
        site_id: SiteId,
        sites: NamedDependency[SiteService],
        gates: NamedDependency[GateService],
    ) -> Sequence[Lane]:
        """The lanes of a site."""
        await sites.row(site_id)
        return await gates.list_lanes(site=site_id)

    @post(
        "/{site_id:str}/gates",
        guards=[_BUILDERS],
        summary="Add a gate",
        responses=problems(
            SiteMissingError, LaneMissingError, TakenError, SlugError, *ACCESS_PROBLEMS
        ),
    )
    async def create_gate(
        self,
        site_id: SiteId,
        data: JSONBody[GateCreate],
        gates: NamedDependency[GateService],
        user: NamedDependency[User],
    ) -> Gate:
        """The device that controls a lane, not yet enrolled."""
        return await gates.create_gate(user.id, site_id, data)

    @get(
        "/{site_id:str}/gates",
        guards=[_READERS],
        summary="List gates",
        responses=problems(SiteMissingError, *ACCESS_PROBLEMS),
    )
    async def gates(self, site_id: SiteId, gates: NamedDependency[GateService]) -> Sequence[Gate]:
        """The gates of a site with their health."""
        return await gates.list_gates(site_id)

    @post(
        "/{site_id:str}/enrol",
        guards=[_TECHNICIANS],
        status_code=200,
        summary="Enrol a site's agent",
        responses=problems(SiteMissingError, RevokedError, CsrError, *ACCESS_PROBLEMS),
    )
    async def enrol(
        self,
        site_id: SiteId,
        data: JSONBody[EnrolmentRequest],
        enrolment: NamedDependency[EnrolmentService],
        user: NamedDependency[User],
    ) -> SiteIdentity:
        """Give the agent its certificate and key, in place of any it had."""
        return await enrolment.enrol_site(user.id, site_id, data.csr_pem)

    @post(
        "/{site_id:str}/broker-certificate",
        guards=[_TECHNICIANS],
        status_code=200,
        summary="Certify a site's broker",
        responses=problems(SiteMissingError, NotEnrolledError, CsrError, *ACCESS_PROBLEMS),
    )
    async def broker_certificate(
        self,
        site_id: SiteId,
        data: JSONBody[EnrolmentRequest],
        enrolment: NamedDependency[EnrolmentService],
        user: NamedDependency[User],
    ) -> BrokerCertificate:
        """A server certificate for the broker of the site, at the address registered here."""
        return await enrolment.broker_certificate(user.id, site_id, data.csr_pem)

    @post(
        "/{site_id:str}/revoke",
        guards=[_TECHNICIANS],
        status_code=204,
        summary="Revoke a site's agent",
        responses=problems(SiteMissingError, *ACCESS_PROBLEMS),
    )
    async def revoke(
        self,
        site_id: SiteId,
        data: JSONBody[Revocation],
        enrolment: NamedDependency[EnrolmentService],
        user: NamedDependency[User],
    ) -> None:
        """End its access and its connection, for good: the id cannot be enrolled again."""
        await enrolment.revoke_site(user.id, site_id, data.reason)

    @get(
        "/{site_id:str}/quarantine",
        guards=[_READERS],
        summary="What was set aside",
        responses=problems(SiteMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def quarantine(
        self,
        site_id: SiteId,
        records: NamedDependency[DeviceRecords],
        sites: NamedDependency[SiteService],
        page: NamedDependency[PageRequest],
    ) -> Page[QuarantinedPayload]:
        """Payloads of a site that could not be taken for facts, newest first."""
        await sites.row(site_id)
        return await records.quarantined(site_id, page)
