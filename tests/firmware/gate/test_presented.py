"""One card laid down is one tap; the same card shown again is another."""

from firmware.gate.presented import AGAIN_MS, EMPTY_MS, PresentedCards

UID = b"\x01\x02\x03\x04"


def test_a_card_that_flickers_at_the_edge_of_the_field_taps_once():
    cards = PresentedCards()
    assert [cards.is_tap(UID, at) for at in range(0, AGAIN_MS, 100)].count(True) == 1


def test_a_denied_driver_can_show_the_card_again():
    cards = PresentedCards()
    assert cards.is_tap(UID, 0)
    cards.settle(200)
    assert not cards.is_tap(UID, AGAIN_MS)
    assert cards.is_tap(UID, 200 + AGAIN_MS)


def test_another_card_taps_at_once():
    cards = PresentedCards()
    assert cards.is_tap(UID, 0)
    assert cards.is_tap(b"\x09\x09\x09\x09", 30)


def test_what_cannot_be_read_is_told_once_until_it_is_taken_away():
    cards = PresentedCards()
    assert [cards.is_tap(b"", at) for at in range(0, 10_000, 25)].count(True) == 1
    assert cards.is_tap(b"", 10_000 + EMPTY_MS)


def test_the_same_card_taps_at_once_for_the_next_car():
    cards = PresentedCards()
    assert cards.is_tap(UID, 0)
    cards.forget()
    assert cards.is_tap(UID, 30)
