"""What the demo sets up fits what the simulators play on."""

from pathlib import Path

import msgspec

from launcher.demo_site import CARDS, LANES, cards, demo_stage
from protocols.portable import topics
from simulators.stage import Stage


def test_the_demo_s_stage_is_one_that_the_simulators_read(tmp_path):
    stage = msgspec.convert(demo_stage(tmp_path / "site", tmp_path / "simulation"), Stage)
    assert [gate.gate for gate in stage.gates] == [lane.gate for lane in LANES]
    assert {gate.direction for gate in stage.gates} == {"entry", "exit"}
    assert len(stage.cards) == CARDS
    assert Path(stage.folder) == tmp_path / "simulation"


def test_the_demo_s_cards_are_the_same_at_every_start_and_of_both_levels():
    first, second = list(cards()), list(cards())
    assert first == second
    assert len({card.uid for card in first}) == CARDS
    assert {card.level for card in first} == {0, 1}
    for card in first:
        # Seven bytes, the maker's first; a card with any other number of bytes is not an NTAG.
        assert bytes.fromhex(card.uid)[0] == 0x04
        assert len(card.uid) == 14


def test_every_id_of_the_demo_is_a_slug():
    for lane in LANES:
        assert topics.is_slug(lane.lane)
        assert topics.is_slug(lane.gate)
