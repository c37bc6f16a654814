"""Every message of gate, site and enrolment has a golden payload that is read and written alike."""

import json
from pathlib import Path

import msgspec
import pytest

import protocols
from protocols import enrolment, gate, rights_hash, sealed, site
from protocols.portable import macs, topics, version
from protocols.site import Right

EXAMPLES = Path(protocols.__file__).parent / "examples"
MODULES = {"gate.json": gate, "site.json": site, "enrolment.json": enrolment}
# Parts of the messages above, never sent by themselves.
PARTS = {"Quarantined", "LotPolicy", "GateDesired", "Right", "GateHealth"}


def load(name):
    return json.loads((EXAMPLES / name).read_text())


CASES = [
    pytest.param(getattr(module, case["type"]), case, id=f"{case['type']} {number}")
    for name, module in MODULES.items()
    for number, case in enumerate(load(name)["messages"])
]


def as_builtins(message):
    return json.loads(msgspec.json.encode(message))


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_a_golden_payload_is_read_and_written_back_the_same(kind, case):
    message = msgspec.json.decode(json.dumps(case["payload"]), type=kind)
    assert as_builtins(message) == case["payload"]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_a_field_added_by_a_newer_side_is_ignored(kind, case):
    newer = json.dumps(case["payload"] | {"added_later": {"a": [1]}})
    assert as_builtins(msgspec.json.decode(newer, type=kind)) == case["payload"]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_a_field_of_another_type_is_an_error_not_a_guess(kind, case):
    for name, value in case["payload"].items():
        wrong = [] if not isinstance(value, list) else "text"
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(case["payload"] | {name: wrong}), type=kind)


@pytest.mark.parametrize(("name", "module"), MODULES.items())
def test_every_message_has_an_example(name, module):
    structs = {
        kind.__name__
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == module.__name__
    }
    assert structs - PARTS == {case["type"] for case in load(name)["messages"]}


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_topics_are_ours_and_small_ones_fit_a_gate(kind, case):
    topic = case["topic"].split(" ")[0]
    if topic.startswith("("):
        return
    family, _, leaf = topics.parse(topic)
    limit = (
        version.GATE_MESSAGE_BYTES_MAX
        if family == "g" and leaf.startswith("down/")
        else version.SITE_MESSAGE_BYTES_MAX
    )
    assert len(json.dumps(case["payload"])) < limit


@pytest.mark.parametrize("case", load("sealed.json")["sealed"], ids=lambda case: case["name"])
def test_a_sealed_message_opens_with_its_key_and_seals_the_same(case):
    key, domain = bytes.fromhex(case["key"]), getattr(macs, case["domain"])
    kind = getattr(site, case["type"])
    body = sealed.unseal(key, domain, case["message"].encode(), kind)
    assert as_builtins(body) == json.loads(case["body"])
    assert macs.seal(key, domain, case["body"]) == case["mac"]
    again = sealed.unseal(key, domain, sealed.seal(key, domain, body), kind)
    assert again == body


@pytest.mark.parametrize("case", load("sealed.json")["refused"], ids=lambda case: case["name"])
def test_what_is_not_properly_sealed_is_refused_with_its_code(case):
    key, domain = bytes.fromhex(case["key"]), getattr(macs, case["domain"])
    with pytest.raises(sealed.SealError) as refusal:
        sealed.unseal(key, domain, case["message"].encode(), site.CommandBody)
    assert refusal.value.code == case["refused"]


def test_the_hash_of_rights_follows_every_step():
    rights: dict[str, Right] = {}
    current = rights_hash.EMPTY
    for step in load("rights_hash.json")["steps"]:
        put = [Right(**fields) for fields in step["put"]]
        touched = {right.id for right in put} | set(step["removed"])
        before = [rights[id_] for id_ in touched if id_ in rights]
        current = rights_hash.changed_hash(current, added=put, removed=before)
        for right in before:
            del rights[right.id]
        rights |= {right.id: right for right in put}
        assert current == rights_hash.rights_hash(rights.values()) == step["hash"]
