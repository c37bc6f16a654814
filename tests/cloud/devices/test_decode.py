"""No payload, however broken, does more than end in quarantine."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.health.rules import gate_fields
from cloud.devices.mqtt.decode import (
    EVENT_BYTES_MAX,
    BadPayload,
    decode_batch,
    decode_message,
    split_foreign,
)
from protocols.portable import macs
from protocols.site import GateHealth, SiteOnline, SiteReport
from tests.cloud.devices.support import batch, event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_refusal_and_never_an_exception(payload: bytes) -> None:
    decoded = decode_batch("elm", payload)
    assert decoded.events == []
    assert decoded.bad or decoded.batch is not None
    assert isinstance(decode_message(payload, SiteReport), BadPayload)
    assert isinstance(decode_message(payload, SiteOnline), BadPayload)


@given(st.lists(JSON, max_size=5))
def test_any_json_as_an_event_is_set_aside_alone(events: list[Any]) -> None:
    decoded = decode_batch("elm", batch(3, [event(seq=0), *events, event(seq=1)]))
    assert decoded.batch == 3
    assert [good.seq for good in decoded.events] == [0, 1]
    assert [bad.index for bad in decoded.bad] == list(range(1, len(events) + 1))


@given(
    st.sampled_from(["device", "boot", "seq", "at_ms", "heard_ms", "clock", "kind", "data"]), JSON
)
def test_a_field_of_another_shape_is_set_aside_or_fits(field: str, value: Any) -> None:
    decoded = decode_batch("elm", batch(1, [event() | {field: value}]))
    assert len(decoded.events) + len(decoded.bad) == 1
    for good in decoded.events:
        assert 0 <= good.boot < 2**63
        assert 0 <= good.seq < 2**63
        assert "\\u0000" not in good.data


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"boot": 2**63}, "out_of_range"),
        ({"seq": -1}, "out_of_range"),
        ({"heard_ms": 2**62}, "out_of_range"),
        ({"device": "Elm In"}, "out_of_range"),
        ({"kind": "x" * 40}, "out_of_range"),
        ({"data": {"a": "\x00"}}, "not_storable"),
        ({"data": {"a": "x" * EVENT_BYTES_MAX}}, "oversized"),
        ({"data": [1]}, "malformed"),
    ],
)
def test_what_postgresql_could_not_store_is_refused(change: dict[str, Any], reason: str) -> None:
    decoded = decode_batch("elm", batch(1, [event() | change]))
    assert [bad.reason for bad in decoded.bad] == [reason]


def test_brackets_without_end_are_refused() -> None:
    deep = b'{"v":1,"batch":5,"events":[' + b"[" * 200_000
    assert decode_batch("elm", deep).bad[0].reason == "malformed"
    nested = b'{"device":"elm-in","boot":1,"seq":1,"at_ms":1,"heard_ms":1,"clock":"set",'
    nested += b'"kind":"x","data":{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
    decoded = decode_batch("elm", b'{"v":1,"batch":5,"events":[' + nested + b"]}")
    assert (decoded.batch, [bad.reason for bad in decoded.bad]) == (5, ["malformed"])


def test_the_number_of_a_broken_batch_is_found_so_that_it_can_be_acked() -> None:
    assert decode_batch("elm", b'{"v":1,"batch":12,"events":[{').batch == 12
    assert decode_batch("elm", b'{"v":1,"batch":1.5,"events":[]}').batch is None
    assert decode_batch("elm", b"nothing").batch is None


def test_only_a_sites_own_devices_speak_for_it() -> None:
    devices = ["elm-in", "site-elm", "site-oak", "oak-in", "elm-in-2"]
    decoded = decode_batch("elm", batch(1, [event(device) for device in devices]))
    own, foreign = split_foreign("elm", decoded.events, {"elm-in"})
    assert [good.device for good in own] == ["elm-in", "site-elm"]
    assert [bad.device for bad in foreign] == ["site-oak", "oak-in", "elm-in-2"]


@given(st.dictionaries(st.text(), JSON))
def test_a_gates_own_report_may_say_anything(report: dict[str, Any]) -> None:
    names = ("lane", "reader", "clock", "list_version", "outbox", "heap_free", "rssi_dbm")
    mixed = dict(zip(names, report.values(), strict=False))
    fields = gate_fields(GateHealth(gate="elm-in", online=True, heard_ms=1, report=mixed))
    for value in fields.values():
        assert value is None or isinstance(value, (str, int))
        assert not isinstance(value, int) or value < 2**63
    msgspec.json.encode(fields)


@given(uid=st.binary(min_size=4, max_size=10), other=st.integers())
def test_a_cards_number_is_not_stored_only_the_key_that_names_it(uid: bytes, other: int) -> None:
    payload = batch(1, [event(seq=0, uid=uid.hex(), tap=other)])
    (stored,) = decode_batch("elm", payload).events
    assert msgspec.json.decode(stored.data) == {"tag": macs.tag_key(uid).hex(), "tap": other}


@pytest.mark.parametrize("uid", ["", "xyz", 7, None, ["04"]])
def test_a_card_number_that_is_none_is_left_out(uid: Any) -> None:
    (stored,) = decode_batch("elm", batch(1, [event(seq=0, uid=uid, tap=3)])).events
    assert msgspec.json.decode(stored.data) == {"tap": 3}
