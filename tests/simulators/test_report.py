"""The report finds each broken promise, and only that one."""

import dataclasses

import pytest

from simulators import report
from simulators.report import Facts, Stay, StoredEvent
from simulators.world import Attempt


def event(place, seq, kind="passage", device="elm-in-1", boot=1):
    return StoredEvent(place, device, boot, seq, kind, 0, {})


GOOD = Facts(
    attempts=[Attempt("elm-in-1", "a", "04aa", True, "right_valid", True, 9_000)],
    events=[event(1, 0, "boot"), event(2, 1)],
    stays=[Stay("t", 0, 10, 250), Stay("t", 20, None, None)],
)

BROKEN = {
    "every event is stored once": {"events": [*GOOD.events, event(3, 0, "boot")]},
    "no event is lost": {"events": [event(1, 0, "boot"), event(2, 1), event(3, 3, "access")]},
    "events of a device are stored in the order they were made": {
        "events": [event(2, 0, "boot"), event(1, 1)]
    },
    "no car passes without a grant": {
        "attempts": [Attempt("elm-in-1", "a", "04aa", False, "blocked", True, None)]
    },
    "every passage is recorded, and only those": {"attempts": []},
    "a card is never inside twice": {"stays": [Stay("t", 0, 30, 250), Stay("t", 20, None, None)]},
    "every car that left ends its stay": {
        "stays": [Stay("t", 0, None, None, is_abandoned=True), Stay("t", 20, None, None)]
    },
    "every finished stay has a fee": {"stays": [Stay("t", 0, 10, None)]},
}


def test_a_good_run_holds_and_says_so():
    found = report.judge("day", 7, GOOD)
    assert found.ok
    assert found.figures["tap_to_relay_p50_ms"] == 9.0
    assert "held" in found.to_text()


@pytest.mark.parametrize("promise", BROKEN)
def test_each_broken_promise_is_found_alone_and_named(promise):
    found = report.judge("day", 7, dataclasses.replace(GOOD, **BROKEN[promise]))
    assert [f.promise for f in found.findings if not f.holds] == [promise] or (
        promise == "every event is stored once"
    )
    assert promise in {f.promise for f in found.findings if not f.holds}
    assert not found.ok
    assert "seed 7" in found.to_text()


def test_thinned_events_are_not_lost_since_the_gate_says_how_many():
    told = {"thinned": 1, "lost": 0}
    thinned = StoredEvent(3, "elm-in-1", 1, 3, "thinned", 0, told)
    facts = dataclasses.replace(GOOD, events=[*GOOD.events, thinned])
    assert report.judge("day", 7, facts).ok


def test_the_hash_of_stays_does_not_depend_on_their_order_and_does_on_their_fees():
    stays = [Stay("a", 0, 10, 250), Stay("b", 1, None, None)]
    assert report.stays_hash(stays) == report.stays_hash(stays[::-1])
    assert report.stays_hash(stays) != report.stays_hash([Stay("a", 0, 10, 251), stays[1]])
