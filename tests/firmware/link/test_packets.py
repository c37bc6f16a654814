"""MQTT packets as the standard writes them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.link import packets


def body_of(packet: bytes) -> bytes:
    """The part behind the fixed header."""
    at = 1
    while packet[at] & 0x80:
        at += 1
    return packet[at + 1 :]


def test_connect_is_what_the_standard_says():
    packet = packets.connect("ab", 10, "t", b"w")
    assert packet == b"\x10\x14\x00\x04MQTT\x04\x2e\x00\x0a\x00\x02ab\x00\x01t\x00\x01w"


def test_subscribe_and_puback():
    assert packets.subscribe(7, "a/#", 1) == b"\x82\x08\x00\x07\x00\x03a/#\x01"
    assert packets.puback(258) == b"\x40\x02\x01\x02"


@given(st.text(min_size=1, max_size=60), st.binary(max_size=2_000), st.integers(0, 65_535))
def test_a_published_message_comes_apart_again(topic, payload, packet_id):
    packet = packets.publish(topic, payload, packet_id, retain=True)
    found = packets.split_publish(packet[0], memoryview(body_of(packet)))
    assert (found[0], bytes(found[1]), found[2]) == (topic, payload, packet_id)


@given(st.integers(0, 255), st.binary(max_size=64))
def test_no_body_raises_anything_but_a_packet_error(first, body):
    with contextlib.suppress(packets.PacketError):
        packets.split_publish(first, memoryview(body))


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x09abc"])
def test_a_message_shorter_than_it_says_is_refused(body):
    with pytest.raises(packets.PacketError):
        packets.split_publish(0x32, memoryview(body))
