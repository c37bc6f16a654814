"""One room in one process: no gap and no double, whatever the order of things."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloud.realtime.history import Reading
from cloud.realtime.local_room import TAIL_EVENTS_MAX, LocalRoom, TakenSnapshot
from cloud.realtime.rooms import Room
from protocols.realtime import (
    Resumed,
    RoomEvent,
    RoomFollower,
    Subscribed,
    decode_from_server,
    event_frame_parts,
)

EMPTY = msgspec.Raw(b"{}")


def frame(seq: int) -> str:
    before, after = event_frame_parts(room="lot:elm", event="e", at_ms=0, data=EMPTY)
    return (before + str(seq).encode() + after).decode()


class Listener:
    """A member that fails the test on any gap, and counts."""

    def __init__(self) -> None:
        self.follower = RoomFollower("lot:elm")
        self.heard: list[int] = []

    def offer(self, text: str) -> None:
        match decode_from_server(text):
            case Subscribed() | Resumed() as joined:
                self.follower.joined(joined)
            case RoomEvent() as event:
                assert self.follower.is_new(event), f"{event.seq} came twice"
                self.heard.append(event.seq)

    def drop(self, code: Any, message: str) -> None:
        raise AssertionError(message)


def room_at(epoch: str, seq: int) -> LocalRoom:
    local = LocalRoom(Room(None, "elm", "lot:elm", "lot:elm"))  # type: ignore[arg-type]
    local.catch_up(Reading(epoch, seq, None))
    return local


def snapshot_of(local: LocalRoom) -> TakenSnapshot:
    return TakenSnapshot(local.epoch, local.seq, EMPTY, 0.0)


step = st.one_of(
    st.tuples(st.just("tell"), st.integers(1, 4)),
    st.tuples(st.just("lose"), st.integers(1, 4)),
    st.tuples(st.just("read"), st.integers(0, 3)),
    st.tuples(st.just("join"), st.just(0)),
    st.tuples(st.just("resume"), st.integers(0, 30)),
)


@given(st.lists(step, max_size=60))
def test_members_hear_every_event_once_in_order(steps):
    """`seq` is Redis's truth; announcements get lost; readings come late by `amount` events."""
    local, seq = room_at("e", 0), 0
    members: list[Listener] = []
    old = snapshot_of(local)
    for what, amount in steps:
        if what == "tell":
            for _ in range(amount):
                seq += 1
                local.take("e", seq, frame(seq))
        elif what == "lose":
            seq += amount
        elif what == "read":
            after, upto = max(0, local.seq - amount), max(0, seq - amount)
            after = min(after, upto)
            frames = [frame(n) for n in range(after + 1, upto + 1)]
            assert local.catch_up(Reading("e", upto, frames))
        elif what == "join":
            members.append(Listener())
            assert local.is_usable(old)
            local.join(members[-1], old)
            old = snapshot_of(local)
        else:
            after = max(0, local.seq - amount)
            member = Listener()
            member.follower.epoch, member.follower.seq = "e", after
            if local.can_resume("e", after):
                local.resume(member, after)
            else:
                upto = seq
                reading = Reading("e", upto, [frame(n) for n in range(after + 1, upto + 1)])
                assert local.resume_from(member, after, reading)
            members.append(member)
    local.catch_up(Reading("e", seq, [frame(n) for n in range(local.seq + 1, seq + 1)]))
    assert all(member.follower.seq == seq for member in members)


def test_an_announcement_after_a_gap_or_of_another_epoch_is_not_delivered():
    local, member = room_at("e", 5), Listener()
    local.join(member, snapshot_of(local))
    assert not local.take("e", 7, frame(7))
    assert not local.take("f", 6, frame(6))
    assert local.take("e", 5, frame(5))
    assert local.take("e", 6, frame(6))
    assert member.heard == [6]


def test_a_reading_of_another_epoch_moves_the_room_and_needs_snapshots():
    local = room_at("e", 5)
    assert not local.catch_up(Reading("f", 2, None))
    assert (local.epoch, local.seq) == ("f", 2)
    assert not local.can_resume("e", 5)


def test_a_snapshot_older_than_the_tail_is_of_no_use():
    local = room_at("e", 0)
    old = snapshot_of(local)
    for seq in range(1, TAIL_EVENTS_MAX + 1):
        local.take("e", seq, frame(seq))
    assert local.is_usable(old)
    local.take("e", TAIL_EVENTS_MAX + 1, frame(TAIL_EVENTS_MAX + 1))
    assert not local.is_usable(old)


def test_a_client_from_the_future_is_not_resumed():
    local = room_at("e", 5)
    assert not local.can_resume("e", 6)
    assert not local.resume_from(Listener(), 6, Reading("e", 6, []))
