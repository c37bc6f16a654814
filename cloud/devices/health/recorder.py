"""Writes what sites report, raises and clears alerts by it, and tells who watches."""

from typing import Any, Final

import msgspec

from cloud.devices.alerts.book import AlertBook
from cloud.devices.alerts.rules import SITE_OFFLINE, Clear, Raise, alerts_of_report
from cloud.devices.alerts.schemas import Alert
from cloud.devices.database import Connection, Pool, transaction
from cloud.devices.events import SITE_ONLINE, TOPIC, SiteConnection
from cloud.devices.health.rules import gate_fields
from cloud.devices.live import ALERT, GATE_CHANGED, SITE_CHANGED, Live, site_room
from cloud.events.outbox import Outbox
from cloud.kit.clock import Clock, from_ms
from protocols.enrolment import site_common_name
from protocols.site import GateHealth, SiteReport

_SITE: Final = """
INSERT INTO site_health (site, online, heard_at, boot, agent, desired_version, rights_version,
                         rights_hash, rights_count, rights_problem, outbox, oldest_event_at)
VALUES ($1, true, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (site) DO UPDATE SET
    online = true, heard_at = excluded.heard_at, boot = excluded.boot, agent = excluded.agent,
    desired_version = excluded.desired_version, rights_version = excluded.rights_version,
    rights_hash = excluded.rights_hash, rights_count = excluded.rights_count,
    rights_problem = excluded.rights_problem, outbox = excluded.outbox,
    oldest_event_at = excluded.oldest_event_at
"""
_SITE_ONLINE: Final = """
INSERT INTO site_health (site, online, desired_version, rights_version, rights_count, outbox)
VALUES ($1, $2, 0, 0, 0, 0)
ON CONFLICT (site) DO UPDATE SET online = excluded.online
WHERE site_health.online <> excluded.online
RETURNING site
"""
_GATE: Final = """
INSERT INTO gate_health AS old (gate, online, heard_at, lane_state, reader, clock, firmware,
    list_version, list_hash, outbox, heap_free, rssi_dbm, problem)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (gate) DO UPDATE SET
    online = excluded.online, heard_at = excluded.heard_at, lane_state = excluded.lane_state,
    reader = excluded.reader, clock = excluded.clock, firmware = excluded.firmware,
    list_version = excluded.list_version, list_hash = excluded.list_hash,
    outbox = excluded.outbox, heap_free = excluded.heap_free, rssi_dbm = excluded.rssi_dbm,
    problem = excluded.problem
"""
_GATES: Final = "SELECT id FROM gates WHERE site = $1 AND state = 'enrolled'"
_MS_MAX: Final = 253_402_300_799_999


class HealthRecorder:
    """One for the process that holds the link."""

    def __init__(
        self, pool: Pool, *, alerts: AlertBook, outbox: Outbox, live: Live, clock: Clock
    ) -> None:
        self._pool = pool
        self._alerts = alerts
        self._outbox = outbox
        self._live = live
        self._clock = clock
        # What watchers were last told, so that they hear of changes only.
        self._told: dict[str, Any] = {}

    async def record(self, report: SiteReport) -> None:
        """A site reported."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(_GATES, report.site)
            gates = sorted(row["id"] for row in rows)
            came = await self._set_online(connection, report.site, online=True)
            await self._write_site(connection, report)
            for health in report.gates:
                if health.gate in gates:
                    await self._write_gate(connection, health)
            changes = alerts_of_report(report, gates)
            alerts = await self._alerts.change(connection, changes)
            facts = [self._alerts.fact(alert) for alert in alerts]
            if came:
                facts.append(self._connection_fact(report.site, online=True))
            await self._outbox.add_many(connection, facts)
        if facts:
            self._outbox.committed()
        await self._tell(report, gates, alerts)

    async def set_online(self, site: str, *, online: bool) -> bool:
        """A site's agent connected or went away; whether that was news."""
        async with transaction(self._pool) as connection:
            if not await connection.fetchval("SELECT 1 FROM sites WHERE id = $1", site):
                return False
            if not await self._set_online(connection, site, online=online):
                return False
            agent = site_common_name(site)
            change = Clear(agent, SITE_OFFLINE) if online else Raise(site, agent, SITE_OFFLINE)
            alerts = await self._alerts.change(connection, [change])
            facts = [self._alerts.fact(alert) for alert in alerts]
            facts.append(self._connection_fact(site, online=online))
            await self._outbox.add_many(connection, facts)
        self._outbox.committed()
        told = SiteConnection(site=site, online=online)
        self._told.pop(site, None)
        await self._live.publish(site_room(site), SITE_CHANGED, told)
        await self._tell_alerts(alerts)
        return True

    async def _set_online(self, connection: Connection, site: str, *, online: bool) -> bool:
        return bool(await connection.fetchval(_SITE_ONLINE, site, online))

    def _connection_fact(self, site: str, *, online: bool) -> Any:  # noqa: ANN401
        told = SiteConnection(site=site, online=online)
        return self._outbox.event(TOPIC, f"site:{site}", SITE_ONLINE, told)

    async def _write_site(self, connection: Connection, report: SiteReport) -> None:
        oldest = report.oldest_event_ms
        is_instant = oldest is not None and 0 <= oldest <= _MS_MAX
        await connection.execute(
            _SITE,
            report.site,
            self._clock.now(),
            report.boot,
            report.agent[:64],
            report.desired_version,
            report.rights_version,
            report.rights_hash[:64],
            report.rights_count,
            report.rights_problem and report.rights_problem[:64],
            report.outbox,
            from_ms(oldest) if oldest is not None and is_instant else None,
        )

    async def _write_gate(self, connection: Connection, health: GateHealth) -> None:
        heard = health.heard_ms
        is_instant = heard is not None and 0 <= heard <= _MS_MAX
        fields = gate_fields(health)
        await connection.execute(
            _GATE,
            health.gate,
            health.online,
            from_ms(heard) if heard is not None and is_instant else None,
            *fields.values(),
        )

    async def _tell(self, report: SiteReport, gates: list[str], alerts: list[Alert]) -> None:
        room = site_room(report.site)
        summary = {
            "site": report.site,
            "online": True,
            "rights_version": report.rights_version,
            "rights_count": report.rights_count,
            "rights_problem": report.rights_problem,
            "outbox": report.outbox,
        }
        if self._is_news(report.site, summary):
            await self._live.publish(room, SITE_CHANGED, summary)
        for health in report.gates:
            shown = {"gate": health.gate, "online": health.online, **gate_fields(health)}
            steady = {k: v for k, v in shown.items() if k not in ("heap_free", "rssi_dbm")}
            if health.gate in gates and self._is_news(health.gate, steady):
                await self._live.publish(room, GATE_CHANGED, shown)
        await self._tell_alerts(alerts)

    async def _tell_alerts(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            await self._live.publish(site_room(alert.site), ALERT, alert)

    def _is_news(self, who: str, what: dict[str, Any]) -> bool:
        encoded = msgspec.json.encode(what)
        if self._told.get(who) == encoded:
            return False
        self._told[who] = encoded
        return True
