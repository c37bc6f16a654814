"""The gate writes and reads the golden messages that agent and cloud write and read. Portable."""

import json

from firmware.gate.commands import CommandRules
from firmware.link import codec
from protocols.portable import codes, macs

_EXAMPLES = "protocols/examples/"


def _load(name):
    with open(_EXAMPLES + name) as file:
        return json.loads(file.read())


def _written(kind, golden):
    """What the gate's codec makes of a golden payload's fields."""
    fields = {name: value for name, value in golden.items() if name != "v"}
    if kind == "Tap":
        fields["uid"] = bytes.fromhex(fields["uid"])
        return codec.tap(**fields)
    if kind == "GateEvent":
        return codec.event(**fields)
    if kind == "Online":
        return codec.online(fields["online"], fields["boot"])
    if kind == "Report":
        return codec.report(fields)
    if kind == "GateAck" and fields["want"] is not None:
        return codec.list_wanted(fields["list_version"], fields["want"])
    if kind == "GateAck":
        return codec.list_stands(fields["list_version"], fields["hash"], fields["problem"])
    return None


def test_the_gate_writes_its_messages_as_the_examples_say():
    compared = set()
    for message in _load("gate.json")["messages"]:
        golden = message["payload"]
        written = _written(message["type"], golden)
        if written is None:
            continue
        compared.add(message["type"])
        said = json.loads(written.decode())
        # A field left out stands for its null default.
        assert said == {k: v for k, v in golden.items() if k in said}, message["type"]
        assert all(golden[name] is None for name in golden if name not in said)
    assert compared == {"Tap", "GateEvent", "Online", "Report", "GateAck"}


def test_the_gate_reads_what_the_agent_sends():
    for message in _load("gate.json")["messages"]:
        if message["type"] in ("EventAck", "Desired"):
            text = json.dumps(message["payload"]).encode()
            assert codec.decode(memoryview(text)) == message["payload"]


def test_the_golden_answer_is_obeyed_by_the_gate_that_asked():
    found = 0
    for example in _load("sealed.json")["sealed"]:
        body = json.loads(example["body"])
        if body.get("op") != codes.OP_ANSWER:
            continue
        found += 1
        rules = CommandRules(body["device"], bytes.fromhex(example["key"]), 0)
        rules.pending = (body["args"]["boot"], body["args"]["tap"])
        message = memoryview(example["message"].encode())
        result, command = rules.check(message, None, codes.CLOCK_UNSET)
        assert result == codes.DONE
        assert command.args["reason"] == body["args"]["reason"]
        other = CommandRules(body["device"], macs.gate_key(b"x" * 32, body["device"]), 0)
        other.pending = rules.pending
        assert other.check(message, None, codes.CLOCK_UNSET)[0] == codes.REFUSED_MAC
    assert found


def test_the_golden_forgeries_do_nothing_for_the_reason_given():
    found = 0
    for example in _load("sealed.json")["refused"]:
        if example["domain"] != "COMMAND":
            continue
        found += 1
        rules = CommandRules("elm-in-1", bytes.fromhex(example["key"]), 0)
        rules.pending = (12, 4)
        result, _ = rules.check(example["message"].encode(), None, codes.CLOCK_UNSET)
        assert result == example["refused"], example["name"]
    assert found
