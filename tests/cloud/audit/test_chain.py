"""The first row that was edited, removed or moved is found, whichever it is."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cloud.audit.chain import GENESIS, ChainCheck, Entry, Flaw, Link, link_mac

KEY = b"k" * 32


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    mac = GENESIS
    for number in range(1, length + 1):
        entry = Entry(number, number * 1_000, None, "gate.opened", f"gate:g{number}", "{}")
        mac = link_mac(KEY, mac, entry)
        links.append(Link(entry, mac))
    return links


def check(links: list[Link], head: Link) -> Flaw | None:
    checking = ChainCheck(KEY)
    return checking.first_flaw(links) or checking.tail_flaw(head.entry.sequence, head.mac)


LENGTHS = st.integers(1, 12)


@given(LENGTHS)
def test_a_chain_that_nobody_touched_has_no_flaw(length: int):
    links = chain(length)
    assert check(links, links[-1]) is None


@given(LENGTHS, st.data())
def test_the_first_edited_row_is_named(length: int, data: st.DataObject):
    links = chain(length)
    at = data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(["at_us", "action", "subject", "details"]))
    value = 7 if field == "at_us" else "something else"
    edited = replace(links[at].entry, **{field: value})
    links[at] = Link(edited, links[at].mac)
    flaw = check(links, links[-1])
    assert flaw is not None
    assert flaw.sequence == at + 1


@given(LENGTHS, st.data())
def test_a_removed_row_is_named(length: int, data: st.DataObject):
    links = chain(length)
    head = links[-1]
    at = data.draw(st.integers(0, length - 1))
    del links[at]
    flaw = check(links, head)
    assert flaw is not None
    assert flaw.sequence == at + 1


@given(st.integers(2, 12), st.data())
def test_two_rows_that_changed_places_are_noticed_at_the_first(length: int, data: st.DataObject):
    links = chain(length)
    first, second = sorted(
        data.draw(st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True))
    )
    a, b = links[first], links[second]
    links[first] = Link(replace(b.entry, sequence=a.entry.sequence), b.mac)
    links[second] = Link(replace(a.entry, sequence=b.entry.sequence), a.mac)
    flaw = check(links, chain(length)[-1])
    assert flaw is not None
    assert flaw.sequence == first + 1


@given(LENGTHS, st.data())
def test_who_has_not_the_key_cannot_make_the_rest_fit(length: int, data: st.DataObject):
    links = chain(length)
    at = data.draw(st.integers(0, length - 1))
    mac = links[at - 1].mac if at else GENESIS
    for number in range(at, length):
        entry = replace(links[number].entry, action="nothing.happened")
        mac = link_mac(b"guessed" * 5, mac, entry)
        links[number] = Link(entry, mac)
    flaw = check(links, links[-1])
    assert flaw is not None
    assert flaw.sequence == at + 1
