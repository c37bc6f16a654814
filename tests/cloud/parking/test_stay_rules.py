"""Pairing passages into stays: late, doubled and missing ones."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.parking.stays.rules import Pairing, Passage, StayState, pair, pair_around
from protocols.portable import codes

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def passage(number: int, minute: int, direction: int, device: str = "elm-in-1") -> Passage:
    return Passage(
        id=UUID(int=number),
        at=NOON + timedelta(minutes=minute),
        device=device,
        boot=1,
        seq=number,
        direction=direction,
    )


def shape(pairing: Pairing) -> tuple[list[tuple[int, int | None, str]], list[int]]:
    stays = [(s.entry.seq, s.exit and s.exit.seq, s.state.value) for s in pairing.stays]
    return sorted(stays, key=str), sorted(o.seq for o in pairing.orphans)


@pytest.mark.parametrize(
    ("ways", "stays", "orphans"),
    [
        ("", [], []),
        ("i", [(0, None, "open")], []),
        ("io", [(0, 1, "closed")], []),
        ("o", [], [0]),
        ("oi", [(1, None, "open")], [0]),
        ("iio", [(0, None, "abandoned"), (1, 2, "closed")], []),
        ("ioo", [(0, 1, "closed")], [2]),
        ("ioio", [(0, 1, "closed"), (2, 3, "closed")], []),
    ],
)
def test_pairing(ways, stays, orphans):
    passages = [
        passage(n, n, codes.ENTRY if way == "i" else codes.EXIT) for n, way in enumerate(ways)
    ]
    assert shape(pair(passages)) == (stays, orphans)


passages_of_a_card = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from((codes.ENTRY, codes.EXIT)), st.booleans()),
    max_size=12,
).map(
    lambda rows: [
        passage(number, minute, direction, "elm-a" if is_first else "elm-b")
        for number, (minute, direction, is_first) in enumerate(rows)
    ]
)


@given(passages_of_a_card)
def test_every_passage_is_in_exactly_one_stay_or_orphaned(passages):
    pairing = pair(passages)
    used = [s.entry.id for s in pairing.stays] + [s.exit.id for s in pairing.stays if s.exit]
    assert sorted([*used, *(o.id for o in pairing.orphans)]) == sorted(p.id for p in passages)
    assert sum(s.state == StayState.OPEN for s in pairing.stays) <= 1
    assert all(s.exit.place > s.entry.place for s in pairing.stays if s.exit)


@given(passages_of_a_card, st.randoms(use_true_random=False))
def test_passages_heard_one_by_one_in_any_order_end_in_the_same_stays(passages, random):
    """What the service does: keep stays by entry, and mend only the neighbours of what is new."""
    heard: list[Passage] = []
    stays: dict[UUID, tuple[UUID | None, StayState]] = {}
    orphans: set[UUID] = set()
    order = list(passages)
    random.shuffle(order)
    for new in order:
        earlier = [p for p in heard if p.place < new.place]
        later = [p for p in heard if p.place > new.place]
        before = max(earlier, key=lambda p: p.place, default=None)
        after = min(later, key=lambda p: p.place, default=None)
        mended = pair_around(before, new, after)
        for stay in mended.stays:
            stays[stay.entry.id] = (stay.exit and stay.exit.id, stay.state)
            if stay.exit is not None:
                orphans.discard(stay.exit.id)
        orphans |= {o.id for o in mended.orphans}
        heard.append(new)
    whole = pair(passages)
    assert stays == {s.entry.id: (s.exit and s.exit.id, s.state) for s in whole.stays}
    assert orphans == {o.id for o in whole.orphans}
