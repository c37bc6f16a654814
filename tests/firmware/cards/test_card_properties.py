"""What holds for every card, every tear and every noise: drawn at random, on CPython only."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.cards import classic, counter, iso14443a
from firmware.cards.personalise import personalise
from firmware.cards.read import read_card, release, write_counter
from firmware.cards.reader import NO_ANSWER, OK
from protocols.portable import codes
from simulators.hardware import tags
from tests.support.reader_rig import Rig

MASTER = bytes(range(32))
UID = bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6))

uids = st.sampled_from((4, 7, 10)).flatmap(lambda n: st.binary(min_size=n, max_size=n))
kinds = st.sampled_from(sorted(tags.KINDS))
pages = st.binary(min_size=4, max_size=4)
seeds = st.integers(1, 2**31)
chances = st.floats(0.0, 1.0)


@settings(deadline=None)
@given(kinds, uids)
def test_any_uid_is_selected_whole(kind: str, uid: bytes) -> None:
    rig = Rig().ready()
    rig.field.put(tags.make(kind, uid))
    assert rig.do(read_card(rig.driver, MASTER)).uid == uid


@settings(deadline=None)
@given(kinds, uids, kinds, uids)
def test_two_different_cards_are_always_reported(
    kind: str, uid: bytes, other_kind: str, other_uid: bytes
) -> None:
    rig = Rig().ready()
    rig.field.put(tags.make(kind, uid))
    rig.field.put(tags.make(other_kind, other_uid))
    for _ in range(2):
        reading = rig.do(read_card(rig.driver, MASTER))
        if uid != other_uid:
            assert reading.read == codes.READ_TWO_CARDS
            assert reading.uid == b""
        else:
            # They speak as one until their kinds differ, and nothing else can be told.
            assert reading.uid in (b"", uid)
            rig.field.clear()


@settings(deadline=None)
@given(st.lists(uids, min_size=3, max_size=5, unique=True))
def test_a_whole_wallet_is_reported_too(wallet: list[bytes]) -> None:
    rig = Rig().ready()
    for uid in wallet:
        rig.field.put(tags.make("uid", uid))
    assert rig.do(read_card(rig.driver, MASTER)).read == codes.READ_TWO_CARDS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 1), pages)), max_size=8))
def test_any_series_of_torn_writes_keeps_a_valid_counter(
    taps: list[tuple[int, bytes] | None],
) -> None:
    rig = Rig().ready()
    tag = tags.make("ntag213", UID)
    rig.field.put(tag)
    assert rig.do(personalise(rig.driver, UID, MASTER)) == (OK, 1)
    keys = counter.CardKeys(MASTER, UID)
    expected = 1
    for tear in taps:
        rig.field.take(tag)
        rig.field.put(tag)
        reading = rig.do(read_card(rig.driver, MASTER))
        assert (reading.level, reading.counter) == (1, expected)
        if tear is not None:
            tag.tear(*tear)
        status = rig.do(counter.write(rig.driver, keys, expected + 1, reading.slot))
        if tear is None:
            assert status == OK
            expected += 1
        else:
            assert status == NO_ANSWER
            # The tear may by chance have left just what was being written.
            if tear[1] == keys.slot(expected + 1)[4 * tear[0] :][:4]:
                expected = rig.do(read_card(rig.driver, MASTER)).counter


@settings(max_examples=200, deadline=None)
@given(seeds, chances, st.floats(0.0, 0.2), st.sampled_from((None, 0x00, 0xFF)), st.booleans())
def test_noise_never_hangs_nor_raises(
    seed: int, noise: float, bit_errors: float, stuck: int | None, level1: bool
) -> None:
    rig = Rig(seed).ready()
    tag = tags.make("ntag213", UID)
    rig.field.put(tag)
    if level1:
        assert rig.do(personalise(rig.driver, UID, MASTER)) == (OK, 1)
        rig.field.take(tag)
        rig.field.put(tag)
    rig.chip.faults.noise = noise
    rig.chip.faults.bit_errors = bit_errors
    rig.chip.faults.stuck = stuck
    for _ in range(3):
        rig.driver.tend(rig.time.ticks_ms())
        reading, took_ms, longest_ms = rig.timed(read_card(rig.driver, MASTER))
        assert took_ms < 200
        assert longest_ms < 4
        assert reading.level in (0, 1)
        _, took_ms, longest_ms = rig.timed(write_counter(rig.driver, reading))
        assert took_ms < 200
        assert longest_ms < 4
        rig.timed(release(rig.driver, reading))
        rig.timed(classic.authenticate(rig.driver, UID, 4, classic.FACTORY_KEY))
        rig.timed(classic.read_block(rig.driver, 4))
    rig.chip.faults.noise = rig.chip.faults.bit_errors = 0
    assert rig.tend_for(2200)
    rig.field.take(tag)
    rig.field.put(tag)
    # The first poll may fall victim to an exchange that noise ended too early.
    assert UID in [rig.do(read_card(rig.driver, MASTER)).uid for _ in range(2)]


@settings(deadline=None)
@given(seeds, st.floats(0.0, 0.05))
def test_bit_errors_never_make_another_uid(seed: int, bit_errors: float) -> None:
    rig = Rig(seed).ready()
    rig.field.put(tags.make("ntag215", UID))
    rig.chip.faults.bit_errors = bit_errors
    for _ in range(5):
        rig.do(iso14443a.settle(rig.driver))
        assert rig.do(read_card(rig.driver, MASTER)).uid in (b"", UID)
