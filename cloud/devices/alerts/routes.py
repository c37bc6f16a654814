"""Alerts over HTTP."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.devices.alerts.errors import AlertMissingError
from cloud.devices.alerts.schemas import Acknowledgement, Alert
from cloud.devices.alerts.service import AlertService
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.patterns import END
from cloud.kit.problems import ACCESS_PROBLEMS, problems

AlertId = Annotated[UUID, PathParameter(description="The alert's id.")]
SiteFilter = Annotated[
    str | None,
    QueryParameter(pattern=r"^[a-z0-9-]{3,32}" + END, description="Only alerts of this site."),
]
OpenFilter = Annotated[bool, QueryParameter(description="Only alerts that have not ended.")]


class AlertsController(Controller):
    """Alerts."""

    path = "/api/v1/alerts"
    tags = ("alerts",)

    @get(
        "/",
        guards=[allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN, Role.AUDITOR)],
        summary="List alerts",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_alerts(
        self,
        alerts: NamedDependency[AlertService],
        page: NamedDependency[PageRequest],
        site: SiteFilter = None,
        only_open: OpenFilter = True,
    ) -> Page[Alert]:
        """What needs a person, newest first."""
        return await alerts.list_all(page, site=site, only_open=only_open)

    @post(
        "/{alert_id:uuid}/acknowledge",
        guards=[allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN)],
        status_code=200,
        summary="Acknowledge an alert",
        responses=problems(AlertMissingError, *ACCESS_PROBLEMS),
    )
    async def acknowledge(
        self,
        alert_id: AlertId,
        data: JSONBody[Acknowledgement],
        alerts: NamedDependency[AlertService],
        user: NamedDependency[User],
    ) -> Alert:
        """Say that somebody has seen it; a happening ends with that."""
        return await alerts.acknowledge(user.id, alert_id, data.note)
