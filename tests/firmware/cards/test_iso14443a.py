"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import iso14443a, ntag
from firmware.cards.reader import BROKEN, COLLISION, NO_ANSWER, OK, run_async
from simulators.hardware import tags
from tests.support.reader_rig import Rig

UIDS = (
    bytes((0x12, 0x34, 0x56, 0x78)),
    bytes((0x88, 0x34, 0x56, 0x78)),  # the cascade tag's value, as the first byte of a short UID
    bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6)),
    bytes((0x04, 0xA1, 0xB2, 0x88, 0xD4, 0xE5, 0xF6)),
    bytes(range(0x20, 0x2A)),
    bytes((0x88,) * 10),
)


def test_uids_of_every_length_are_read_whole():
    for kind, sak in (("classic1k", 0x08), ("ntag213", 0x00), ("ntag215", 0x00), ("uid", 0x20)):
        for uid in UIDS:
            rig = Rig().ready()
            rig.field.put(tags.make(kind, uid))
            assert rig.do(iso14443a.request(rig.driver)) == OK
            assert rig.do(iso14443a.select(rig.driver)) == (OK, uid, sak)


def test_two_cards_collide_whatever_their_lengths():
    for first in UIDS:
        for second in UIDS:
            if first != second:
                rig = Rig().ready()
                rig.field.put(tags.make("uid", first))
                rig.field.put(tags.make("uid", second))
                assert rig.do(iso14443a.request(rig.driver)) in (OK, COLLISION)
                assert rig.do(iso14443a.select(rig.driver)) == (COLLISION, b"", 0)


def test_a_halted_card_is_passed_over_until_it_left_the_field():
    rig = Rig().ready()
    tag = tags.make("ntag213", UIDS[2])
    rig.field.put(tag)
    rig.do(iso14443a.request(rig.driver))
    rig.do(iso14443a.select(rig.driver))
    rig.do(iso14443a.halt(rig.driver))
    assert rig.do(iso14443a.request(rig.driver)) == NO_ANSWER
    assert rig.do(iso14443a.request(rig.driver, wake=True)) == OK
    # A disturbed card that had been halted goes back to being halted.
    assert rig.do(iso14443a.request(rig.driver)) == NO_ANSWER
    assert rig.do(iso14443a.request(rig.driver)) == NO_ANSWER
    rig.field.take(tag)
    rig.field.put(tag)
    assert rig.do(iso14443a.request(rig.driver)) == OK


def test_one_of_two_cards_can_be_selected_by_its_known_uid():
    for uid in UIDS:
        rig = Rig().ready()
        rig.field.put(tags.make("ntag213", uid))
        rig.field.put(tags.make("classic1k", b"\x01\x02\x03\x04"))
        assert rig.do(iso14443a.select_known(rig.driver, uid)) == OK
        assert rig.do(ntag.identify(rig.driver))[1] == "ntag213"


def test_an_active_card_can_be_selected_again():
    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UIDS[2]))
    for _ in range(3):
        assert rig.do(iso14443a.select_known(rig.driver, UIDS[2])) == OK


def test_a_wrong_check_byte_is_not_believed():
    rig = Rig().ready()
    tag = tags.make("uid", UIDS[0])
    tag._levels = [UIDS[0] + b"\x00"]
    rig.field.put(tag)
    rig.do(iso14443a.request(rig.driver))
    assert rig.do(iso14443a.select(rig.driver)) == (BROKEN, b"", 0)


def test_a_card_that_cascades_without_the_cascade_tag_is_not_believed():
    rig = Rig().ready()
    tag = tags.make("uid", UIDS[0])
    tag.sak = 0x24
    rig.field.put(tag)
    rig.do(iso14443a.request(rig.driver))
    assert rig.do(iso14443a.select(rig.driver)) == (BROKEN, b"", 0)


def test_an_event_loop_gets_its_turn_between_steps():
    import asyncio

    rig = Rig().ready()
    rig.field.put(tags.make("ntag213", UIDS[2]))
    turns = []

    async def pause():
        turns.append(rig.time.now_us())
        await asyncio.sleep(0)

    async def both():
        await run_async(iso14443a.request(rig.driver), pause)
        return await run_async(iso14443a.select(rig.driver), pause)

    assert asyncio.run(both())[1] == UIDS[2]
    assert len(turns) >= 5
    assert max(later - earlier for earlier, later in zip(turns, turns[1:])) < 3000  # noqa: B905, RUF007
