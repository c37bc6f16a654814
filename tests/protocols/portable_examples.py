"""The golden examples of what a gate must understand; runs on CPython and on MicroPython alike."""

import binascii
import json

from protocols.portable import access, macs, packed_list, topics

EXAMPLES = __file__.rsplit("tests/protocols/", 1)[0] + "protocols/examples/"


def load(name):
    with open(EXAMPLES + name) as file:
        return json.load(file)


def raw(text):
    return binascii.unhexlify(text)


def test_hmac_gives_the_macs_of_rfc_4231():
    for case in load("macs.json")["rfc4231"]:
        key, data = raw(case["key"]), raw(case["data"])
        assert macs.hmac_sha256(key, data) == raw(case["mac"])
        piecewise = macs.HmacSha256(key)
        for start in range(0, len(data), 7):
            piecewise.update(memoryview(data)[start : start + 7])
        assert piecewise.digest() == raw(case["mac"])


def test_keys_and_tag_names_are_derived_as_written():
    examples = load("macs.json")
    for case in examples["gate_keys"]:
        assert macs.gate_key(raw(case["site_key"]), case["gate"]) == raw(case["key"])
    for case in examples["card_keys"]:
        master_key = raw(case["card_master_key"])
        assert macs.card_key(master_key, raw(case["uid"])) == raw(case["key"])
    for case in examples["tag_keys"]:
        assert macs.tag_key(raw(case["uid"])) == raw(case["tag"])


def test_equal_means_equal_in_every_byte_and_in_length():
    assert macs.same(b"", b"")
    assert macs.same(b"abc", memoryview(b"abc"))
    for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
        assert not macs.same(b"abc", other)


def test_sealed_messages_are_known_and_others_are_not():
    examples = load("sealed.json")
    for case in examples["sealed"]:
        key, domain = raw(case["key"]), getattr(macs, case["domain"])
        envelope = json.loads(case["message"])
        assert envelope["body"] == case["body"]
        assert macs.is_sealed(key, domain, envelope["body"], envelope["mac"])
        assert macs.seal(key, domain, case["body"]) == case["mac"]
        assert not macs.is_sealed(key, domain, envelope["body"] + " ", envelope["mac"])
    for case in examples["refused"]:
        if case["refused"] == "bad_mac":
            key, domain = raw(case["key"]), getattr(macs, case["domain"])
            envelope = json.loads(case["message"])
            assert not macs.is_sealed(key, domain, envelope["body"], envelope["mac"])


def test_the_packed_list_is_packed_as_written():
    case = load("packed_list.json")
    lot = case["lot"]
    policy = access.Lot(
        lot["state"], lot["walk_ups"], lot["passback"], lot["level_min"], lot["stale"]
    )
    entries = [(raw(tag), flags, start, end) for tag, flags, start, end in case["entries"]]
    for order in (entries, entries[::-1]):
        packed = packed_list.pack(
            case["version"],
            case["issued_s"],
            case["expires_s"],
            case["direction"],
            case["lot_id"],
            policy,
            order,
            raw(case["key"]),
        )
        assert packed == raw(case["list"])


def test_the_packed_list_says_what_was_packed():
    case = load("packed_list.json")
    packed = packed_list.PackedList(raw(case["list"]), raw(case["key"]))
    for name in ("version", "issued_s", "expires_s", "direction", "lot_id", "hash"):
        assert getattr(packed, name) == case[name], name
    for name in case["lot"]:
        assert getattr(packed.lot, name) == case["lot"][name], name
    assert packed.count == len(case["entries"])
    for found in case["rights"]:
        rights = sorted(list(right) for right in packed.rights(raw(found["tag"])))
        assert rights == found["rights"], found["tag"]
    empty = packed_list.PackedList(raw(case["empty"]), raw(case["key"]))
    assert empty.count == 0
    assert empty.rights(bytes(7)) == []


def test_a_damaged_packed_list_is_refused_with_its_reason():
    case = load("packed_list.json")
    for refused in case["refused"]:
        assert problem_of(refused["list"], case["key"]) == refused["problem"], refused["name"]


def problem_of(packed, key):
    try:
        packed_list.PackedList(raw(packed), raw(key))
    except packed_list.ListError as error:
        return error.args[0]
    return None


def test_topics_come_apart_as_they_were_put_together():
    for name in ("gate.json", "site.json"):
        for case in load(name)["messages"]:
            topic = case["topic"].split(" ")[0]
            if topic.startswith("("):
                continue
            family, device, leaf = topics.parse(topic)
            assert topic == (topics.gate if family == "g" else topics.site)(device, leaf)
    for topic in ("", "curb", "curb/v1/g/elm-in-1", "curb/v2/g/elm-in-1/up/tap", "a/b/c/d/e/f"):
        assert topics.parse(topic) is None


def test_ids_are_slugs():
    for good in ("elm", "elm-in-1", "a" * 32, "007"):
        assert topics.is_slug(good)
    for bad in ("", "el", "a" * 33, "Elm", "elm street", "elm/in", "elm+", "élm", "elm_1"):
        assert not topics.is_slug(bad), bad
