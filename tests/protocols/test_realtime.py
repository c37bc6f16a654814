"""The live language: golden frames, refusals, and a follower that notices gaps and doubles."""

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import realtime
from protocols.realtime import Resumed, RoomEvent, RoomFollower, Subscribe, Subscribed

EXAMPLES = Path(realtime.__file__).parent / "examples"


def frames(name: str) -> list[dict[str, object]]:
    return [case["frame"] for case in json.loads((EXAMPLES / name).read_text())]


@pytest.mark.parametrize("frame", frames("realtime_from_client.json"), ids=str)
def test_every_client_example_is_read_and_written_back_the_same(frame):
    assert json.loads(realtime.encode(realtime.decode_from_client(json.dumps(frame)))) == frame


@pytest.mark.parametrize("frame", frames("realtime_from_server.json"), ids=str)
def test_every_server_example_is_read_and_written_back_the_same(frame):
    assert json.loads(realtime.encode(realtime.decode_from_server(json.dumps(frame)))) == frame


@pytest.mark.parametrize("union", [realtime.FromClient, realtime.FromServer], ids=str)
def test_every_message_has_an_example(union):
    seen = {frame["t"] for n in ("client", "server") for frame in frames(f"realtime_from_{n}.json")}
    assert {kind.__struct_config__.tag for kind in union.__args__} <= seen


@pytest.mark.parametrize(
    "frame",
    ["", "nonsense", "[]", "{}", '{"t":"fly"}', '{"t":"subscribe"}', '{"t":"subscribe","room":7}'],
)
def test_what_is_no_message_is_refused_with_one_error(frame):
    with pytest.raises(realtime.MalformedMessageError):
        realtime.decode_from_client(frame)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(frame):
    with contextlib.suppress(realtime.MalformedMessageError):
        realtime.decode_from_client(frame)


def test_a_field_added_by_a_newer_side_is_ignored():
    assert realtime.decode_from_client('{"t":"ping","id":3,"mood":"fine"}') == realtime.Ping(3)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("lot:elm", True),
        ("instrument:BRK.B", True),
        ("user:me", True),
        ("user:0198a1b2-0000-7000-8000-000000000001", True),
        ("lot:", False),
        ("lot", False),
        ("lot:a b", False),
        ("lot:a:b", False),
        ("LOT:a", False),
        ("lot:" + "x" * 65, False),
        ("lot:elm\n", False),
    ],
)
def test_room_names(name, good):
    assert realtime.is_room(name) is good


@given(st.integers(1, 2**53), st.text(), st.integers(0, 2**45))
def test_a_frame_finished_with_its_number_is_that_event(seq, text, at_ms):
    data = msgspec.Raw(msgspec.json.encode({"note": text}))
    before, after = realtime.event_frame_parts(
        room="lot:elm", event="passage", at_ms=at_ms, data=data
    )
    message = realtime.decode_from_server(before + str(seq).encode() + after)
    assert message == RoomEvent(seq, "lot:elm", "passage", at_ms, data)


def test_every_code_that_closes_has_its_own_number():
    numbers = list(realtime.CLOSE_CODES.values())
    assert len(set(numbers)) == len(numbers)
    assert all(4000 <= number <= 4999 for number in numbers)
    assert set(realtime.CLOSE_CODES) >= realtime.RECONNECT_CODES


def event(seq: int) -> RoomEvent:
    return RoomEvent(seq, "lot:elm", "passage", 0, msgspec.Raw(b"{}"))


def test_a_new_follower_asks_for_a_snapshot_and_a_known_one_resumes():
    follower = RoomFollower("lot:elm")
    assert follower.subscribe() == Subscribe("lot:elm")
    follower.joined(Subscribed("lot:elm", "e1", 5, msgspec.Raw(b"{}")))
    assert follower.is_new(event(6))
    assert realtime.resume_requests([follower]) == [Subscribe("lot:elm", "e1", 6)]


def test_a_resume_at_another_place_is_a_gap():
    follower = RoomFollower("lot:elm")
    follower.joined(Subscribed("lot:elm", "e1", 5, msgspec.Raw(b"{}")))
    follower.joined(Resumed("lot:elm", "e1", 5))
    with pytest.raises(realtime.SequenceGapError):
        follower.joined(Resumed("lot:elm", "e1", 6))


@given(st.lists(st.integers(1, 30), max_size=60))
def test_a_follower_takes_every_event_once_or_says_gap(seqs):
    follower, taken = RoomFollower("lot:elm"), []
    follower.joined(Subscribed("lot:elm", "e1", 0, msgspec.Raw(b"{}")))
    for seq in seqs:
        try:
            if follower.is_new(event(seq)):
                taken.append(seq)
        except realtime.SequenceGapError:
            assert seq > follower.seq + 1
    assert taken == list(range(1, len(taken) + 1))
