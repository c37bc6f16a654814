"""Only an order from the agent, for this gate, fresh and never seen, may move anything."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.gate.commands import CommandRules
from protocols.portable import codes, macs

KEY = b"k" * 32
NOW_MS = 1_800_000_000_000
GATE = "elm-in-1"


def body(**changes):
    fields = {
        "id": "c-1",
        "device": GATE,
        "op": codes.OP_OPEN,
        "issued_at_ms": NOW_MS - 50,
        "expires_at_ms": NOW_MS + 5_000,
        "counter": 100,
        "args": {},
    }
    return fields | changes


def sealed(fields, *, key=KEY, domain=macs.COMMAND, **envelope):
    text = fields if isinstance(fields, str) else json.dumps(fields)
    return json.dumps({"v": 1, "body": text, "mac": macs.seal(key, domain, text)} | envelope)


def check(payload, *, counter=99, pending=None, now_ms=NOW_MS, quality=codes.CLOCK_SET):
    rules = CommandRules(GATE, KEY, counter)
    rules.pending = pending
    data = payload if isinstance(payload, bytes) else payload.encode()
    return rules.check(memoryview(data), now_ms, quality)


def test_an_open_from_the_agent_is_obeyed():
    result, command = check(sealed(body()))
    assert result == codes.DONE
    assert command.op == codes.OP_OPEN


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        (b"", codes.REFUSED_MALFORMED),
        (b"\xff\xfe", codes.REFUSED_MALFORMED),
        (b"[]", codes.REFUSED_MALFORMED),
        (b"[" * 900, codes.REFUSED_MALFORMED),
        (b'{"v": 1}', codes.REFUSED_MALFORMED),
        (b"x" * 2_000, codes.REFUSED_MALFORMED),
        (json.dumps(body()), codes.REFUSED_MALFORMED),
        (sealed(body(), v=2), codes.REFUSED_VERSION),
        (sealed(body(), key=b"x" * 32), codes.REFUSED_MAC),
        (sealed(body(), domain=macs.RIGHTS), codes.REFUSED_MAC),
        (sealed(body(), mac=""), codes.REFUSED_MAC),
        (sealed(body(), mac=None), codes.REFUSED_MALFORMED),
        (sealed("not json"), codes.REFUSED_MALFORMED),
        (sealed(body(counter="100")), codes.REFUSED_MALFORMED),
        (sealed(body(counter=True)), codes.REFUSED_MALFORMED),
        (sealed(body(args=[])), codes.REFUSED_MALFORMED),
        (sealed({"op": "open"}), codes.REFUSED_MALFORMED),
        (sealed(body(device="elm-in-2")), codes.REFUSED_DEVICE),
        (sealed(body(op="explode")), codes.REFUSED_OP),
        (sealed(body(counter=99)), codes.REFUSED_REPLAY),
        (sealed(body(counter=1)), codes.REFUSED_REPLAY),
        (sealed(body(expires_at_ms=NOW_MS)), codes.REFUSED_EXPIRED),
        (sealed(body(expires_at_ms=NOW_MS + 60_000)), codes.REFUSED_EXPIRED),
        (sealed(body(issued_at_ms=NOW_MS - 9_000)), codes.REFUSED_MALFORMED),
        (sealed(body(op=codes.OP_ANSWER)), codes.REFUSED_NOT_NOW),
    ],
)
def test_everything_else_is_refused_with_its_reason(payload, refusal):
    assert check(payload)[0] == refusal


def test_without_a_clock_nothing_that_expires_is_obeyed():
    for op in (codes.OP_OPEN, codes.OP_REBOOT, codes.OP_CONFIG, codes.OP_OUT_OF_SERVICE):
        result, _ = check(sealed(body(op=op)), now_ms=None, quality=codes.CLOCK_UNSET)
        assert result == codes.REFUSED_CLOCK


def test_a_signed_time_needs_no_clock_but_a_rising_counter():
    time = body(op=codes.OP_TIME, args={"now_ms": NOW_MS}, expires_at_ms=0)
    assert check(sealed(time), now_ms=None, quality=codes.CLOCK_UNSET)[0] == codes.DONE
    assert check(sealed(time), counter=100)[0] == codes.REFUSED_REPLAY
    assert check(sealed(time | {"args": {}}))[0] == codes.REFUSED_MALFORMED


def test_an_answer_is_bound_to_the_tap_that_waits():
    args = {"boot": 4, "tap": 9, "reason": codes.RIGHT_VALID, "mode": codes.AGENT}
    answer = sealed(body(op=codes.OP_ANSWER, args=args, counter=1))
    assert check(answer, pending=(4, 9))[0] == codes.DONE
    for pending in (None, (4, 8), (3, 9)):
        assert check(answer, pending=pending)[0] == codes.REFUSED_NOT_NOW
    odd = sealed(body(op=codes.OP_ANSWER, args=args | {"reason": "because"}))
    assert check(odd, pending=(4, 9))[0] == codes.REFUSED_MALFORMED


@given(st.binary(max_size=1_500))
def test_no_bytes_from_the_wire_raise_or_pass(payload):
    result, command = check(payload)
    assert result != codes.DONE
    assert command is None


@given(st.data())
def test_a_sealed_message_with_any_byte_changed_is_refused(data):
    payload = bytearray(sealed(body()).encode())
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] ^= data.draw(st.integers(1, 255))
    assert check(bytes(payload))[0] != codes.DONE or json.loads(payload) == json.loads(
        sealed(body())
    )
