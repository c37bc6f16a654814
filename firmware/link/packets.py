"""MQTT 3.1.1 packets to and from bytes: the dozen a gate needs.

Source: OASIS, MQTT Version 3.1.1, 2014, chapters 2 and 3.
"""

CONNACK = 0x20
PUBLISH = 0x30
PUBACK = 0x40
SUBACK = 0x90
PINGRESP = 0xD0

PINGREQ_BYTES = b"\xc0\x00"
DISCONNECT_BYTES = b"\xe0\x00"


class PacketError(Exception):
    """The broker sent something that is not MQTT 3.1.1."""


def _text(value):
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def _packet(first, body):
    length = len(body)
    head = bytearray([first])
    while True:
        digit = length & 0x7F
        length >>= 7
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def connect(client_id, keepalive_s, will_topic, will_payload):
    """CONNECT: clean session, last will retained at QoS 1; the certificate says who we are."""
    flags = 0x02 | 0x04 | 0x08 | 0x20
    return _packet(
        0x10,
        b"\x00\x04MQTT\x04"
        + bytes([flags])
        + keepalive_s.to_bytes(2, "big")
        + _text(client_id)
        + _text(will_topic)
        + _text(will_payload),
    )


def publish(topic, payload, packet_id=0, retain=False):
    """PUBLISH; QoS 1 when packet_id (1 to 65535) is given."""
    first = PUBLISH | (0x02 if packet_id else 0) | (0x01 if retain else 0)
    middle = packet_id.to_bytes(2, "big") if packet_id else b""
    return _packet(first, _text(topic) + middle + payload)


def puback(packet_id):
    """PUBACK."""
    return bytes([PUBACK, 2]) + packet_id.to_bytes(2, "big")


def subscribe(packet_id, topic, qos):
    """SUBSCRIBE to one filter."""
    return _packet(0x82, packet_id.to_bytes(2, "big") + _text(topic) + bytes([qos]))


def split_publish(first, body):
    """(topic, payload, packet id or 0) of a PUBLISH; body is a memoryview, so is the payload.

    Raises:
        PacketError: it is malformed.
    """
    if len(body) < 2:
        raise PacketError("PUBLISH without a topic")
    end = 2 + (body[0] << 8 | body[1])
    qos = first >> 1 & 3
    start = end + (2 if qos else 0)
    if start > len(body) or qos > 2:
        raise PacketError("PUBLISH shorter than it says")
    packet_id = body[end] << 8 | body[end + 1] if qos else 0
    try:
        topic = bytes(body[2:end]).decode()
    except UnicodeError as error:
        raise PacketError("topic is not UTF-8") from error
    return topic, body[start:], packet_id
