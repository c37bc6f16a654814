"""A site's live room: who may watch, what they see at first, and that it is named as it must be."""

from typing import Any
from uuid import UUID

import pytest

from cloud.accounts.user import Role, User
from cloud.devices.live import ALERT, EVENT, GATE_CHANGED, SITE_CHANGED, SiteRoom, site_room
from cloud.devices.wire import Devices
from cloud.kit.feature import Kit
from protocols.realtime import EVENT_NAME_PATTERN, is_room


def user(*roles: Role) -> User:
    return User(id=UUID(int=1), login_id=UUID(int=2), roles=frozenset(roles))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN, Role.AUDITOR])
async def test_staff_may_watch_a_site_that_is_there(devices: Devices, role: Role) -> None:
    room = SiteRoom(devices)
    assert await room.may_join(user(role), "elm")
    assert not await room.may_join(user(role), "nowhere")


async def test_drivers_and_traders_may_not(devices: Devices) -> None:
    assert not await SiteRoom(devices).may_join(user(Role.DRIVER, Role.TRADER), "elm")


async def test_one_first_sees_the_site_its_gates_and_what_is_wrong(
    kit: Kit, devices: Devices, pool: Any
) -> None:
    await pool.execute(
        "INSERT INTO device_alerts (id, site, device, kind, key, detail, raised_at)"
        " VALUES ($1, 'elm', 'elm-in', 'fault', '', '{}', $2)",
        kit.ids.new(),
        kit.clock.now(),
    )
    seen = await SiteRoom(devices).snapshot("elm")
    assert seen.site.id == "elm"
    assert [gate.id for gate in seen.gates] == ["elm-in", "elm-out"]
    assert [alert.kind for alert in seen.alerts] == ["fault"]


@pytest.mark.parametrize("name", [EVENT, ALERT, GATE_CHANGED, SITE_CHANGED])
def test_names_are_ones_that_rooms_take(name: str) -> None:
    assert EVENT_NAME_PATTERN.fullmatch(name)
    assert is_room(site_room("elm-street"))
