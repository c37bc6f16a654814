"""A gate may say anything in an event: what follows from it never raises and never stops others."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.devices.alerts.book import AlertBook
from cloud.devices.alerts.rules import alerts_of_event
from cloud.devices.commands.queue import CommandQueue
from cloud.devices.commands.rules import command_result
from cloud.devices.events import StoredEvent
from cloud.devices.mqtt.decode import decode_batch
from cloud.devices.mqtt.quarantine import Quarantine
from cloud.devices.mqtt.store import EventStore, _stored
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox
from cloud.kit.feature import Kit
from protocols.portable import codes
from tests.cloud.devices.support import batch, event

KINDS = [
    codes.ACCESS,
    codes.CLOCK,
    codes.COMMAND,
    codes.COPIED_CARD,
    codes.FAULT,
    codes.GATE_OFFLINE,
    codes.GATE_ONLINE,
    codes.LIST,
    codes.QUARANTINED,
    codes.READER,
    codes.RESTORED,
]
FIELDS = ["code", "gate", "health", "id", "problem", "reason", "result"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=4,
)


def stored(kind: str, data: dict[str, Any]) -> StoredEvent | None:
    """As the ingress would store it; None if it sets it aside."""
    decoded = decode_batch("elm", batch(1, [event(kind=kind) | {"data": data}]))
    return _stored("elm", decoded.events[0]) if decoded.events else None


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON))
@example(codes.COMMAND, {"result": ["done"], "id": {}})
def test_no_fields_of_an_event_raise(kind: str, data: dict[str, Any]) -> None:
    found = stored(kind, data)
    if found is None:
        return
    for change in alerts_of_event(found):
        assert len(change.key) <= 64
    command_result(found.facts())


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [["x"], {"x": []}, 1, None, "\ud7ff" * 3_000])
async def test_events_with_fields_of_another_shape_are_stored_and_the_rest_go_on(
    kit: Kit, outbox: Outbox, devices: Devices, field: str, value: Any
) -> None:
    book = AlertBook(outbox=outbox, ids=kit.ids, clock=kit.clock)
    store = EventStore(
        kit.database.pool,
        outbox=outbox,
        quarantine=Quarantine(alerts=book, outbox=outbox, ids=kit.ids, clock=kit.clock),
        clock=kit.clock,
        followers=(book.follow, CommandQueue(kit.database.pool, kit.clock).follow),
    )
    strange = [
        event(seq=seq, kind=kind) | {"data": {field: value}} for seq, kind in enumerate(KINDS)
    ]
    other = decode_batch("oak", batch(1, [event("oak-in")]))
    outcome = await store.store([decode_batch("elm", batch(1, strange)), other])
    assert len(outcome.new) == len(KINDS) + 1
