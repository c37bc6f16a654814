"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import counter
from firmware.cards.personalise import personalise
from firmware.cards.read import read_card, release, write_counter
from firmware.cards.reader import OK
from protocols.portable import codes
from simulators.hardware import tags
from tests.support.reader_rig import Rig

MASTER = bytes(range(32))
UID = bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6))
OTHER = b"\x12\x34\x56\x78"


def show(kind="ntag213", uid=UID):
    rig = Rig().ready()
    tag = tags.make(kind, uid)
    rig.field.put(tag)
    return rig, tag


def show_again(rig, tag):
    rig.field.take(tag)
    rig.field.put(tag)


def level1():
    rig, tag = show()
    assert rig.do(personalise(rig.driver, UID, MASTER)) == (OK, 1)
    show_again(rig, tag)
    return rig, tag


def tap(rig, key=MASTER):
    reading = rig.do(read_card(rig.driver, key))
    status = rig.do(write_counter(rig.driver, reading)) if reading.read == codes.READ_OK else None
    rig.do(release(rig.driver, reading))
    return reading, status


def test_an_empty_field_says_nothing():
    rig = Rig().ready()
    reading, took_ms, _ = rig.timed(read_card(rig.driver, MASTER))
    assert (reading.read, reading.uid, reading.reader_works) == (codes.READ_NOTHING, b"", True)
    assert took_ms < 2


def test_plain_cards_are_level_0():
    for kind in tags.KINDS:
        rig, _ = show(kind)
        reading = rig.do(read_card(rig.driver, MASTER))
        assert (reading.read, reading.uid) == (codes.READ_OK, UID)
        assert (reading.level, reading.counter, reading.doubt) == (0, None, None)


def test_a_level_1_card_proves_itself_and_counts():
    rig, tag = level1()
    for count in (1, 2, 3):
        reading, status = tap(rig)
        assert (reading.level, reading.counter, status) == (1, count, OK)
        show_again(rig, tag)


def test_a_gate_without_the_master_key_takes_every_card_as_level_0():
    rig, _ = level1()
    reading = rig.do(read_card(rig.driver))
    assert (reading.read, reading.level) == (codes.READ_OK, 0)


def test_a_card_is_one_tap_until_it_leaves_the_field():
    for kind in tags.KINDS:
        rig, tag = show(kind)
        assert tap(rig)[0].read == codes.READ_OK
        for _ in range(3):
            assert rig.do(read_card(rig.driver, MASTER)).read == codes.READ_NOTHING
        show_again(rig, tag)
        assert rig.do(read_card(rig.driver, MASTER)).read == codes.READ_OK


def test_two_cards_are_reported_and_one_of_them_alone_is_read():
    rig, tag = level1()
    other = tags.make("classic1k", OTHER)
    rig.field.put(other)
    for _ in range(3):
        reading, took_ms, _ = rig.timed(read_card(rig.driver, MASTER))
        assert reading.read == codes.READ_TWO_CARDS
        assert took_ms < 8
    rig.field.take(other)
    show_again(rig, tag)
    assert rig.do(read_card(rig.driver, MASTER)).uid == UID


def test_a_card_that_is_taken_away_half_way_is_unreadable():
    rig, tag = show()
    steps = read_card(rig.driver, MASTER)
    for _ in range(3):
        next(steps)
    rig.field.take(tag)
    assert rig.do(steps).read == codes.READ_UNREADABLE


def test_a_noisy_field_is_unreadable_or_right_but_never_wrong():
    seen = []
    for seed in range(1, 40):
        rig = Rig(seed)
        rig.ready()
        rig.field.put(tags.make("ntag213", UID))
        rig.chip.faults.bit_errors = 0.01
        reading = rig.do(read_card(rig.driver, MASTER))
        seen.append(reading.read)
        assert reading.uid in (b"", UID)
    assert codes.READ_OK in seen
    assert codes.READ_UNREADABLE in seen


def test_a_dead_reader_is_told_from_an_empty_field():
    rig, _ = show()
    rig.chip.faults.stuck = 0xFF
    reading = rig.do(read_card(rig.driver, MASTER))
    assert (reading.read, reading.reader_works) == (codes.READ_NOTHING, False)


def test_a_fake_with_the_marker_is_level_0_and_doubted():
    rig, tag = show()
    tag.pages[16:20] = counter.MARKER
    reading, _ = tap(rig)
    assert (reading.level, reading.doubt) == (0, "password")
    assert rig.do(read_card(rig.driver, MASTER)).read == codes.READ_NOTHING


def test_a_card_whose_counter_was_tampered_with_is_level_0_and_doubted():
    rig, tag = level1()
    tag.pages[32:48] = bytes(16)
    reading = rig.do(read_card(rig.driver, MASTER))
    assert (reading.level, reading.counter, reading.doubt) == (0, None, "counter")


def test_no_password_is_ever_sent_to_a_strangers_card():
    rig, tag = show()
    tag.pages[4 * tag.config_page + 4] = 0x01  # AUTHLIM: one wrong password locks it for good
    tap(rig)
    assert tag.failures == 0


def test_a_tag_that_lacks_the_command_is_level_0():
    rig, tag = show()
    tag.command = lambda frame, encrypted: tag.fall_back()
    reading = rig.do(read_card(rig.driver, MASTER))
    assert (reading.read, reading.uid, reading.level) == (codes.READ_OK, UID, 0)
    rig.do(release(rig.driver, reading))
    assert rig.do(read_card(rig.driver, MASTER)).read == codes.READ_NOTHING


def test_a_copy_is_behind_after_the_original_was_used():
    rig, tag = level1()
    copy = tags.load(tag.dump())
    assert tap(rig)[0].counter == 1
    show_again(rig, tag)
    assert tap(rig)[0].counter == 2
    rig.field.take(tag)
    rig.field.put(copy)
    reading, _ = tap(rig)
    assert (reading.level, reading.counter) == (
        1,
        1,
    )  # below the 2 last seen: the gate's list tells


def test_a_torn_counter_write_is_repeated_while_the_card_is_there():
    rig, tag = level1()
    reading = rig.do(read_card(rig.driver, MASTER))
    tag.tear(1, b"\x00\x00\x00\x00")
    assert rig.do(write_counter(rig.driver, reading)) == OK
    show_again(rig, tag)
    assert rig.do(read_card(rig.driver, MASTER)).counter == 2


def test_a_counter_that_cannot_be_found_again_is_not_called_written():
    rig, tag = level1()
    reading = rig.do(read_card(rig.driver, MASTER))
    tag.pages[32:48] = bytes(16)
    tag.tear(0, bytes(4))
    assert rig.do(write_counter(rig.driver, reading)) != OK


def test_a_lost_acknowledgement_is_not_counted_twice():
    rig, tag = level1()
    reading = rig.do(read_card(rig.driver, MASTER))
    tag.tear(1, counter.CardKeys(MASTER, UID).slot(2)[4:])
    assert rig.do(write_counter(rig.driver, reading)) == OK
    show_again(rig, tag)
    assert rig.do(read_card(rig.driver, MASTER)).counter == 2


def test_a_card_pulled_away_before_the_write_reads_the_same_count_again():
    rig, tag = level1()
    reading = rig.do(read_card(rig.driver, MASTER))
    rig.field.take(tag)
    assert rig.do(write_counter(rig.driver, reading)) != OK
    rig.field.put(tag)
    assert rig.do(read_card(rig.driver, MASTER)).counter == 1


def test_a_full_counter_stays_where_it_is():
    rig, tag = level1()
    keys = counter.CardKeys(MASTER, UID)
    tag.pages[32:48] = keys.slot(counter.COUNTER_MAX) + keys.slot(counter.COUNTER_MAX - 1)
    reading, status = tap(rig)
    assert (reading.counter, status) == (counter.COUNTER_MAX, OK)
    show_again(rig, tag)
    assert rig.do(read_card(rig.driver, MASTER)).counter == counter.COUNTER_MAX


def test_no_step_holds_the_processor_for_long():
    rig, _ = level1()
    reading, read_ms, longest_ms = rig.timed(read_card(rig.driver, MASTER))
    _, write_ms, longest_write_ms = rig.timed(write_counter(rig.driver, reading))
    _, _, longest_release_ms = rig.timed(release(rig.driver, reading))
    assert max(longest_ms, longest_write_ms, longest_release_ms) < 3
    assert read_ms < 15
    assert read_ms + write_ms < 40
