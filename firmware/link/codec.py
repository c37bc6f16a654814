"""The gate's messages to bytes; the typed side of the same messages is protocols/gate.py."""

import json

from protocols.portable import version


def _encode(fields):
    fields["v"] = version.VERSION
    return json.dumps(fields).encode()


def tap(boot, seq, uid, read, level, counter, vehicle, at_ms, clock, list_version):
    """`up/tap`; uid in bytes."""
    return _encode(
        {
            "boot": boot,
            "seq": seq,
            "uid": uid.hex(),
            "read": read,
            "level": level,
            "counter": counter,
            "vehicle": vehicle,
            "at_ms": at_ms,
            "clock": clock,
            "list_version": list_version,
        }
    )


def event(boot, seq, at_ms, up_ms, clock, kind, data):
    """`up/event`."""
    return _encode(
        {
            "boot": boot,
            "seq": seq,
            "at_ms": at_ms,
            "up_ms": up_ms,
            "clock": clock,
            "kind": kind,
            "data": data,
        }
    )


def online(is_online, boot):
    """`state/online`, also as the last will."""
    return _encode({"online": is_online, "boot": boot})


def list_wanted(list_version, part):
    """`up/ack` that asks for a part of a list."""
    return _encode({"list_version": list_version, "want": part})


def list_stands(list_version, list_hash, problem):
    """`up/ack` that says which list is in force, or why the offered one is not."""
    return _encode({"list_version": list_version, "hash": list_hash or None, "problem": problem})


def report(fields):
    """`state/report`; fields as in protocols.gate.Report."""
    return _encode(dict(fields))


def decode(payload):
    """A JSON object from the wire, or None if it is not one of this version."""
    try:
        value = json.loads(bytes(payload).decode())
    except (ValueError, UnicodeError):
        return None
    if not isinstance(value, dict) or value.get("v") != version.VERSION:
        return None
    return value
