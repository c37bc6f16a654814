"""A sealed field opens where it was sealed and nowhere else."""

import concurrent.futures
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.crypto import (
    FieldCipher,
    Place,
    SealBrokenError,
    load_or_create_cipher,
    load_or_create_secret,
)

OLD, NEW, INDEX = b"o" * 32, b"n" * 32, b"i" * 32
HERE = Place("user_profiles", "name_sealed", "1")
CIPHER = FieldCipher({1: OLD}, INDEX)


@given(st.text())
def test_what_was_sealed_opens_again(text: str):
    assert CIPHER.open(HERE, CIPHER.seal(HERE, text)) == text


@given(st.text(min_size=1), st.integers(0), st.integers(1, 255))
def test_one_changed_byte_is_noticed(text: str, position: int, change: int):
    sealed = bytearray(CIPHER.seal(HERE, text))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(SealBrokenError):
        CIPHER.open(HERE, bytes(sealed))


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("user_profiles", "name_sealed", "2"),
        Place("user_profiles", "phone_sealed", "1"),
        Place("vehicles", "name_sealed", "1"),
    ],
)
def test_a_value_copied_to_another_place_does_not_open(elsewhere: Place):
    with pytest.raises(SealBrokenError):
        CIPHER.open(elsewhere, CIPHER.seal(HERE, "Ada"))


def test_a_cut_value_does_not_open():
    for length in (0, 5, 20):
        with pytest.raises(SealBrokenError):
            CIPHER.open(HERE, CIPHER.seal(HERE, "Ada")[:length])


def test_the_same_text_never_looks_the_same():
    assert len({CIPHER.seal(HERE, "Ada") for _ in range(100)}) == 100


def test_a_new_key_seals_and_the_old_one_still_opens():
    both = FieldCipher({1: OLD, 2: NEW}, INDEX)
    assert both.open(HERE, CIPHER.seal(HERE, "Ada")) == "Ada"
    with pytest.raises(SealBrokenError):
        CIPHER.open(HERE, both.seal(HERE, "Ada"))


def test_a_blind_index_finds_equal_values_of_one_column_only():
    plate = CIPHER.blind_index("vehicles", "plate", "AB123")
    assert plate == CIPHER.blind_index("vehicles", "plate", "AB123")
    assert plate != CIPHER.blind_index("vehicles", "plate", "AB124")
    assert plate != CIPHER.blind_index("vehicles", "tag", "AB123")
    assert plate != FieldCipher({1: OLD}, NEW).blind_index("vehicles", "plate", "AB123")


def test_keys_of_a_wrong_length_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        FieldCipher({1: b"short"}, INDEX)


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path):
    sealed = load_or_create_cipher(tmp_path / "keys").seal(HERE, "Ada")
    assert load_or_create_cipher(tmp_path / "keys").open(HERE, sealed) == "Ada"
    files = [path for path in (tmp_path / "keys").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path):
    path = tmp_path / "keys" / "secret"
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: load_or_create_secret(path), range(32)))
    assert len(found) == 1
