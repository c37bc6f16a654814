"""People give orders to gates: recorded, audited, numbered; sent by whoever holds the link."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from cloud.devices.commands.errors import CommandMissingError, GateNotReadyError
from cloud.devices.commands.rules import EXPIRES_MS, CommandState
from cloud.devices.commands.schemas import Command
from cloud.devices.commands.tables import DeviceCommandRow
from cloud.devices.gates.service import GateService
from cloud.devices.sites.tables import ENROLLED
from cloud.devices.wake import Wake, Work
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from protocols.portable import codes

LISTED_MAX: Final = 100
# rules.next_counter, done where two requests at once cannot take the same number.
_COUNTER: Final = text("""
INSERT INTO device_counters (device, last_counter) VALUES (:device, :now_ms)
ON CONFLICT (device) DO UPDATE
    SET last_counter = greatest(device_counters.last_counter + 1, excluded.last_counter)
RETURNING last_counter
""")


class CommandService:
    """One request's commands; the session commits them, then they are sent."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        gates: GateService,
        wake: Wake,
        acts: ActRecorder,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._session = session
        self._gates = gates
        self._wake = wake
        self._acts = acts
        self._ids = ids
        self._clock = clock

    async def open(self, actor: UUID, gate: str, reason: str) -> Command:
        """Open a barrier once, within 10 s or not at all.

        Raises:
            GateMissingError, GateNotReadyError: said in the error.
        """
        return await self._give(actor, gate, codes.OP_OPEN, reason, "gate.opened")

    async def reboot(self, actor: UUID, gate: str, reason: str) -> Command:
        """Restart a gate.

        Raises:
            GateMissingError, GateNotReadyError: said in the error.
        """
        return await self._give(actor, gate, codes.OP_REBOOT, reason, "gate.rebooted")

    async def get(self, command: UUID) -> Command:
        """One command as it stands.

        Raises:
            CommandMissingError: there is none.
        """
        row = await self._session.get(DeviceCommandRow, command)
        if row is None:
            raise CommandMissingError(f"There is no command {command}.")
        return to_schema(row)

    async def list_of_gate(self, gate: str) -> list[Command]:
        """The last commands to a gate, newest first.

        Raises:
            GateMissingError: there is no such gate.
        """
        await self._gates.row(gate)
        query = (
            select(DeviceCommandRow)
            .where(col(DeviceCommandRow.device) == gate)
            .order_by(col(DeviceCommandRow.counter).desc())
            .limit(LISTED_MAX)
        )
        return [to_schema(row) for row in await self._session.scalars(query)]

    async def _give(self, actor: UUID, gate: str, op: str, reason: str, action: str) -> Command:
        row = await self._gates.row(gate)
        if row.state != ENROLLED:
            raise GateNotReadyError(f"Gate {gate} is {row.state}; enrol it first.")
        now = self._clock.now()
        numbered = await self._session.execute(
            _COUNTER, {"device": gate, "now_ms": self._clock.now_ms()}
        )
        command = DeviceCommandRow(
            id=self._ids.new(),
            site=row.site,
            device=gate,
            op=op,
            args={},
            reason=reason,
            issued_by=actor,
            issued_at=now,
            expires_at=now + timedelta(milliseconds=EXPIRES_MS[op]),
            counter=numbered.scalar_one(),
            state=CommandState.QUEUED,
        )
        self._session.add(command)
        await self._session.flush()
        self._wake.after_commit(self._session, Work.COMMAND, row.site)
        details = {"reason": reason, "command": str(command.id)}
        await self._acts.record(
            self._session, PrivilegedAct(actor, action, f"gate:{gate}", details)
        )
        return to_schema(command)


def to_schema(row: DeviceCommandRow) -> Command:
    """What the API shows of a command."""
    return Command(
        id=row.id,
        site=row.site,
        device=row.device,
        op=row.op,
        reason=row.reason,
        issued_by=row.issued_by,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        state=row.state,
        result=row.result,
        sent_at=row.sent_at,
        finished_at=row.finished_at,
    )
