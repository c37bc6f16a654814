"""Gates over HTTP: enrolment, orders to them, and what they said."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.devices.commands.errors import CommandMissingError, GateNotReadyError
from cloud.devices.commands.schemas import Command, CommandRequest
from cloud.devices.commands.service import CommandService
from cloud.devices.enrolment.errors import CsrError, RevokedError
from cloud.devices.enrolment.schemas import EnrolmentRequest
from cloud.devices.enrolment.service import EnrolmentService
from cloud.devices.errors import GateMissingError
from cloud.devices.gates.schemas import Gate, OutOfService
from cloud.devices.gates.service import GateService
from cloud.devices.mqtt.records import DeviceRecords
from cloud.devices.mqtt.schemas import RecordedEvent
from cloud.devices.sites.schemas import Revocation
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from protocols.enrolment import GateIdentity

GateId = Annotated[str, PathParameter(description="The gate's id.", max_length=32)]
CommandId = Annotated[UUID, PathParameter(description="The command's id.")]

_READERS = allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN, Role.AUDITOR)
_TECHNICIANS = allow(Role.TECHNICIAN, Role.ADMIN)
_OPERATORS = allow(Role.OPERATOR, Role.ADMIN)


class GatesController(Controller):
    """Gates."""

    path = "/api/v1/gates"
    tags = ("gates",)

    @get(
        "/{gate_id:str}",
        guards=[_READERS],
        summary="One gate",
        responses=problems(GateMissingError, *ACCESS_PROBLEMS),
    )
    async def gate(self, gate_id: GateId, gates: NamedDependency[GateService]) -> Gate:
        """One gate with its lane and health."""
        return await gates.get(gate_id)

    @post(
        "/{gate_id:str}/enrol",
        guards=[_TECHNICIANS],
        status_code=200,
        summary="Enrol a gate",
        responses=problems(GateMissingError, RevokedError, CsrError, *ACCESS_PROBLEMS),
    )
    async def enrol(
        self,
        gate_id: GateId,
        data: JSONBody[EnrolmentRequest],
        enrolment: NamedDependency[EnrolmentService],
        user: NamedDependency[User],
    ) -> GateIdentity:
        """Give the gate its certificate and keys, in place of any it had."""
        return await enrolment.enrol_gate(user.id, gate_id, data.csr_pem)

    @post(
        "/{gate_id:str}/revoke",
        guards=[_TECHNICIANS],
        status_code=204,
        summary="Revoke a gate",
        responses=problems(GateMissingError, *ACCESS_PROBLEMS),
    )
    async def revoke(
        self,
        gate_id: GateId,
        data: JSONBody[Revocation],
        enrolment: NamedDependency[EnrolmentService],
        user: NamedDependency[User],
    ) -> None:
        """End its access to its site, for good; its lane is free for another gate."""
        await enrolment.revoke_gate(user.id, gate_id, data.reason)

    @post(
        "/{gate_id:str}/open",
        guards=[_OPERATORS],
        status_code=202,
        summary="Open a barrier",
        responses=problems(
            GateMissingError, GateNotReadyError, IdempotencyConflictError, *ACCESS_PROBLEMS
        ),
    )
    async def open(
        self,
        gate_id: GateId,
        data: JSONBody[CommandRequest],
        commands: NamedDependency[CommandService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Command:
        """Open once, within ten seconds or not at all; ask for the command to see the result."""
        return await once.answer(Command, lambda: commands.open(user.id, gate_id, data.reason))

    @post(
        "/{gate_id:str}/reboot",
        guards=[allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN)],
        status_code=202,
        summary="Restart a gate",
        responses=problems(
            GateMissingError, GateNotReadyError, IdempotencyConflictError, *ACCESS_PROBLEMS
        ),
    )
    async def reboot(
        self,
        gate_id: GateId,
        data: JSONBody[CommandRequest],
        commands: NamedDependency[CommandService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Command:
        """Restart the device; the lane is closed for some seconds."""
        return await once.answer(Command, lambda: commands.reboot(user.id, gate_id, data.reason))

    @put(
        "/{gate_id:str}/out-of-service",
        guards=[allow(Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN)],
        summary="Take a lane out of service, or put it back",
        responses=problems(GateMissingError, *ACCESS_PROBLEMS),
    )
    async def out_of_service(
        self,
        gate_id: GateId,
        data: JSONBody[OutOfService],
        gates: NamedDependency[GateService],
        user: NamedDependency[User],
    ) -> Gate:
        """It holds until it is changed, whatever restarts."""
        return await gates.set_out_of_service(
            user.id, gate_id, out_of_service=data.out_of_service, reason=data.reason
        )

    @get(
        "/{gate_id:str}/commands",
        guards=[_READERS],
        summary="Commands to a gate",
        responses=problems(GateMissingError, *ACCESS_PROBLEMS),
    )
    async def commands(
        self, gate_id: GateId, commands: NamedDependency[CommandService]
    ) -> Sequence[Command]:
        """The last hundred, newest first."""
        return await commands.list_of_gate(gate_id)

    @get(
        "/{gate_id:str}/events",
        guards=[_READERS],
        summary="What a gate said",
        responses=problems(GateMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def events(
        self,
        gate_id: GateId,
        gates: NamedDependency[GateService],
        records: NamedDependency[DeviceRecords],
        page: NamedDependency[PageRequest],
    ) -> Page[RecordedEvent]:
        """Its events, newest first."""
        await gates.row(gate_id)
        return await records.events(gate_id, page)


class CommandsController(Controller):
    """Commands."""

    path = "/api/v1/commands"
    tags = ("gates",)

    @get(
        "/{command_id:uuid}",
        guards=[_READERS],
        summary="One command",
        responses=problems(CommandMissingError, *ACCESS_PROBLEMS),
    )
    async def command(
        self, command_id: CommandId, commands: NamedDependency[CommandService]
    ) -> Command:
        """What became of it so far."""
        return await commands.get(command_id)
