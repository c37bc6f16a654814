"""The portable half of the protocol against its golden examples, on both Pythons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.portable import access, macs, packed_list
from tests.protocols import portable_examples
from tests.support.micropython import run_portable_tests

TESTS = [name for name in dir(portable_examples) if name.startswith("test_")]


@pytest.mark.parametrize("name", TESTS)
def test_on_cpython(name):
    getattr(portable_examples, name)()


def test_on_micropython():
    assert f"ran {len(TESTS)} failed 0" in run_portable_tests("tests.protocols.portable_examples")


TAGS = st.binary(min_size=7, max_size=7)
ENTRIES = st.lists(
    st.tuples(TAGS, st.integers(0, 255), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    max_size=40,
)


@given(ENTRIES, TAGS, st.binary(min_size=32, max_size=32))
def test_whatever_was_packed_is_found_and_nothing_else(entries, other, key):
    data = packed_list.pack(1, 2, 3, 1, "elm", access.Lot(), entries, key)
    packed = packed_list.PackedList(data, key)
    for tag in {entry[0] for entry in entries} | {other}:
        assert sorted(packed.rights(tag)) == sorted(e[1:] for e in entries if e[0] == tag)


@given(ENTRIES, st.data())
def test_no_changed_bit_goes_unnoticed(entries, data):
    key = bytes(32)
    packed = bytearray(packed_list.pack(1, 2, 3, 1, "elm", access.Lot(), entries, key))
    place = data.draw(st.integers(0, len(packed) * 8 - 1))
    packed[place // 8] ^= 1 << place % 8
    with pytest.raises(packed_list.ListError):
        packed_list.PackedList(bytes(packed), key)


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_our_hmac_is_the_standard_librarys(key, message):
    import hashlib
    import hmac

    assert macs.hmac_sha256(key, message) == hmac.new(key, message, hashlib.sha256).digest()
