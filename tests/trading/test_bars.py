"""Bars hold every trade once, whatever the rhythm in which they come."""

from hypothesis import given
from hypothesis import strategies as st

from trading.bars import DAY, HOUR, MINUTE, NS, SECOND, SPANS_S, BarLadder, merged, start_of

EASTERN_NS = -5 * HOUR * NS
BEGIN_NS = 1_700_000_000 * NS

trades = st.lists(
    st.tuples(
        st.integers(1, 10**6),
        st.integers(1, 10**4),
        st.sampled_from((0, 1, NS // 3, NS, 7 * NS, 50 * NS, 3_000 * NS, 40_000 * NS)),
    ),
    min_size=1,
    max_size=80,
)


def obvious_bars(timed, span_s, offset_ns):
    """One dictionary entry a span, made by looking at all its trades."""
    spans = {}
    for price, units, at_ns in timed:
        offset = offset_ns if span_s == DAY else 0
        spans.setdefault(start_of(at_ns, span_s, offset), []).append((price, units))
    return {
        start: (
            start,
            span_s,
            held[0][0],
            max(price for price, _ in held),
            min(price for price, _ in held),
            held[-1][0],
            sum(units for _, units in held),
            sum(price * units for price, units in held),
            len(held),
        )
        for start, held in spans.items()
    }


@given(trades, st.sampled_from((0, EASTERN_NS)))
def test_bars_of_every_span_are_what_looking_at_all_trades_gives(steps, offset_ns):
    ladder = BarLadder(offset_ns)
    at_ns, timed, ended = BEGIN_NS, [], []
    for price, units, wait_ns in steps:
        at_ns += wait_ns
        timed.append((price, units, at_ns))
        ended += ladder.add(price, units, at_ns)
        for span_s in SPANS_S:
            expected = obvious_bars(timed, span_s, offset_ns)
            assert ladder.current(span_s).as_tuple() == expected[max(expected)]
    ended += ladder.advance(at_ns + 10 * DAY * NS)
    assert all(ladder.current(span_s) is None for span_s in SPANS_S)
    for span_s in SPANS_S:
        found = {one.starts_ns: one.as_tuple() for one in ended if one.span_s == span_s}
        assert found == obvious_bars(timed, span_s, offset_ns)


@given(trades)
def test_longer_bars_from_shorter_ones_are_the_same(steps):
    ladder, at_ns, ended = BarLadder(), BEGIN_NS, []
    for price, units, wait_ns in steps:
        at_ns += wait_ns
        ended += ladder.add(price, units, at_ns)
    ended += ladder.advance(at_ns + 10 * DAY * NS)
    seconds = [one for one in ended if one.span_s == SECOND]
    minutes = [one.as_tuple() for one in ended if one.span_s == MINUTE]
    assert [one.as_tuple() for one in merged(seconds, MINUTE)] == minutes


def test_a_day_begins_at_local_midnight():
    at_ns = start_of(1_700_000_000 * NS, DAY, EASTERN_NS)
    assert at_ns // NS % DAY == 5 * HOUR
    assert start_of(at_ns - 1, DAY, EASTERN_NS) == at_ns - DAY * NS


def test_a_quiet_second_has_no_bar():
    ladder = BarLadder()
    ladder.add(100, 1, BEGIN_NS)
    assert [one.span_s for one in ladder.advance(BEGIN_NS + 2 * NS)] == [SECOND]
    assert ladder.advance(BEGIN_NS + 5 * NS) == []
