"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import classic, crc_a, iso14443a, ntag
from firmware.cards.reader import BROKEN, COLLISION, FAULT, NO_ANSWER, OK, PENDING, exchange
from simulators.hardware import tags
from tests.support.reader_rig import Rig

UID7 = bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6))


def test_the_chip_is_ready_soon_after_power_on():
    rig = Rig()
    assert not rig.driver.is_ready()
    assert rig.tend_for(60)
    assert (rig.driver.version, rig.driver.faults) == (0x92, 0)
    assert rig.driver.version_text() == "MFRC522 v2"


def test_clones_and_unknown_versions_are_accepted_and_named():
    for version, text in ((0x88, "FM17522"), (0x12, "clone"), (0x91, "v1"), (0x77, "0x77")):
        rig = Rig(version=version).ready()
        assert text in rig.driver.version_text()


def test_a_broken_wire_is_never_taken_for_a_working_chip():
    for level in (0x00, 0xFF):
        rig = Rig()
        rig.chip.faults.wiring = level
        assert not rig.tend_for(3000)
        assert "wiring" in rig.driver.version_text()
        # Tried again about once a second, not in a frenzy.
        assert 2 <= rig.driver.hard_resets <= 4


def test_a_reader_without_a_reset_pin_wakes_by_soft_reset():
    rig = Rig(rst=False).ready()
    assert (rig.driver.soft_resets, rig.driver.hard_resets) == (1, 0)


def test_an_exchange_says_pending_until_the_card_has_answered():
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UID7))
    rig.driver.frame[0] = 0x26
    rig.driver.begin(1, 7)
    assert rig.driver.poll() == PENDING
    polls = 0
    while rig.driver.poll() == PENDING:
        polls += 1
    assert polls > 0
    assert rig.driver.poll() == OK
    assert bytes(rig.driver.answer[:2]) == b"\x44\x00"
    assert (rig.driver.answer_length, rig.driver.answer_bits) == (2, 0)


def test_an_empty_field_is_known_within_two_milliseconds():
    rig = Rig().ready()
    status, took_ms, longest_ms = rig.timed(iso14443a.request(rig.driver))
    assert status == NO_ANSWER
    assert took_ms < 2
    assert longest_ms < 2


def test_the_wait_is_as_long_as_asked():
    rig = Rig().ready()
    for wait_ms in (1, 5, 10, 12, 1):
        rig.driver.frame[0] = 0x26
        status, took_ms, longest_ms = rig.timed(exchange(rig.driver, 1, 7, wait_ms))
        assert status == NO_ANSWER
        assert wait_ms <= took_ms < wait_ms + 1
        assert longest_ms < 3


def test_a_collision_is_reported_and_counted():
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UID7))
    rig.field.put(tags.make("classic1k", b"\x01\x02\x03\x04"))
    assert rig.do(iso14443a.request(rig.driver)) == COLLISION
    assert rig.driver.collisions == 1


def test_a_wrong_bit_is_noticed_by_parity():
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UID7))
    rig.chip.faults.bit_errors = 0.3
    statuses = [rig.do(iso14443a.request(rig.driver)) for _ in range(20)]
    assert BROKEN in statuses
    assert rig.driver.broken == statuses.count(BROKEN)


def test_answers_longer_than_sixteen_bytes_are_whole():
    rig = Rig().ready()
    tag = tags.make("ntag213", UID7)
    tag.pages[16:44] = bytes(range(28))
    rig.field.put(tag)
    rig.do(iso14443a.request(rig.driver))
    rig.do(iso14443a.select(rig.driver))
    assert rig.do(ntag.fast_read(rig.driver, 4, 10)) == (OK, bytes(range(28)))


def test_encryption_ends_before_the_next_card():
    rig = Rig().ready()
    card = tags.make("classic1k", b"\x01\x02\x03\x04")
    rig.field.put(card)
    rig.do(iso14443a.request(rig.driver))
    rig.do(iso14443a.select(rig.driver))
    assert rig.do(classic.authenticate(rig.driver, card.uid, 4, classic.FACTORY_KEY)) == OK
    rig.field.clear()
    rig.field.put(tags.make("ntag213", UID7))
    rig.do(iso14443a.request(rig.driver))
    rig.do(iso14443a.select(rig.driver))
    assert rig.do(ntag.identify(rig.driver))[1] == "ntag213"


def test_a_chip_that_hangs_is_noticed_at_once_and_healed_by_its_reset_pin():
    for level in (0x00, 0xFF):
        rig = Rig().ready()
        rig.field.put(tags.make("ntag213", UID7))
        rig.chip.faults.stuck = level
        status, took_ms, _ = rig.timed(iso14443a.request(rig.driver))
        assert status == FAULT
        assert took_ms < 1
        assert not rig.driver.is_ready()
        assert rig.tend_for(100)
        assert (rig.driver.faults, rig.driver.soft_resets, rig.driver.hard_resets) == (1, 1, 2)
        assert rig.do(iso14443a.request(rig.driver)) == OK


def test_a_chip_that_hangs_in_the_middle_of_an_exchange_is_noticed():
    rig = Rig().ready()
    rig.driver.frame[0] = 0x26
    rig.driver.begin(1, 7)
    rig.driver.poll()
    rig.chip.faults.stuck = 0xFF
    assert rig.driver.poll() == FAULT
    assert rig.driver.poll() == FAULT


def test_a_chip_that_hangs_after_hours_is_found_by_tending():
    rig = Rig().ready()
    rig.chip.faults.stuck_at_us = 7 * 3600 * 1000000
    for _ in range(8):
        assert rig.driver.tend(rig.time.ticks_ms()) == rig.driver.is_ready()
        rig.time.charge_us(3600 * 1000000)
    assert rig.tend_for(100)
    assert rig.driver.faults == 1


def test_a_chip_that_reset_itself_gets_its_antenna_back():
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UID7))
    rig.chip.brown_out()
    assert rig.do(iso14443a.request(rig.driver)) != OK
    rig.tend_for(100)
    assert rig.driver.faults == 1
    assert rig.driver.hard_resets == 1  # only the one at power-on: a soft reset was enough
    assert rig.do(iso14443a.request(rig.driver)) == OK


def test_waits_are_right_again_after_healing():
    rig = Rig().ready()
    rig.do(exchange(rig.driver, 1, 7, 10))
    rig.chip.brown_out()
    assert rig.tend_for(100)
    status, took_ms, _ = rig.timed(exchange(rig.driver, 1, 7, 10))
    assert status == NO_ANSWER
    assert 10 <= took_ms < 11


def test_an_antenna_that_is_off_is_switched_on_again():
    # The chip does this itself when it gets too hot.
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UID7))
    rig.chip.select()
    rig.chip.transfer(b"\x28\x80")
    assert rig.do(iso14443a.request(rig.driver)) == NO_ANSWER
    rig.tend_for(100)
    assert rig.driver.faults == 1
    assert rig.do(iso14443a.request(rig.driver)) == OK


def test_an_answer_that_comes_too_late_does_not_spoil_the_next_exchange():
    for late_us in range(1800, 3800, 20):
        rig = Rig().ready()
        rig.field.put(tags.make("ntag213", UID7))
        rig.do(iso14443a.select_known(rig.driver, UID7))
        rig.driver.frame[0:6] = b"\xa2\x06curb"
        length = crc_a.append(rig.driver.frame, 6)
        assert rig.do(exchange(rig.driver, length, 0, 1)) == NO_ANSWER
        rig.time.charge_us(late_us)
        assert rig.do(ntag.identify(rig.driver))[0] == OK


def test_an_exchange_given_up_half_way_does_not_spoil_the_next():
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UID7))
    for late_us in range(0, 5600, 200):
        rig.driver.frame[0] = 0
        rig.driver.begin(1, 0, 5)
        rig.time.charge_us(late_us)
        assert rig.do(iso14443a.request(rig.driver)) == OK
        rig.do(iso14443a.settle(rig.driver))


def test_nothing_is_sent_while_the_chip_is_being_healed():
    rig = Rig().ready()
    rig.chip.faults.wiring = 0x00
    rig.do(iso14443a.request(rig.driver))
    before = rig.bench.spi.transactions
    assert rig.do(iso14443a.request(rig.driver)) == FAULT
    assert rig.bench.spi.transactions == before


def test_every_call_is_short():
    rig = Rig()
    longest_us = 0
    for _ in range(80):
        began_us = rig.time.now_us()
        rig.driver.tend(rig.time.ticks_ms())
        longest_us = max(longest_us, rig.time.now_us() - began_us)
        rig.time.charge_us(1000)
    assert rig.driver.is_ready()
    rig.driver.frame[0] = 0x26
    began_us = rig.time.now_us()
    rig.driver.begin(1, 7, 12)
    longest_us = max(longest_us, rig.time.now_us() - began_us)
    assert longest_us <= 1100


def test_tick_counts_may_wrap():
    # As time.ticks_ms on a board: 30 bits. Healing must not stall or rush when they wrap.
    period = 1 << 30

    def ticks_diff(later, earlier):
        return ((later - earlier + period // 2) % period) - period // 2

    rig = Rig()
    rig.driver._ticks_diff = ticks_diff
    start = period - 20
    waited_ms = 0
    while not rig.driver.tend((start + waited_ms) % period):
        waited_ms += 1
        rig.time.charge_us(1000)
        assert waited_ms < 200
    assert 50 <= waited_ms <= 60
