"""The journal's bytes: what goes in comes out, and what is not ours is said to be so."""

import re

import msgspec
import pytest

from cloud.exchange.journal import JournalError, encode_entry, hash_of, join_entries, split_entries
from cloud.exchange.wishes import Wish, WishTooLarge
from tests.trading.random_commands import Stream
from trading import Engine
from trading.commands import AdvanceTime, ReplaceOrder


def test_every_kind_of_command_comes_back_as_it_was_with_its_names() -> None:
    stream, kinds = Stream(5), set()
    for _ in range(4_000):
        command = stream.next()
        kinds.add(command.KIND)
        wish = Wish(AdvanceTime, ("a", ""), 1, "ws")
        try:
            entry = encode_entry(command, wish)
        except WishTooLarge:
            assert re.search(r"\d{20}", str(command.as_tuple())), command
            continue
        (back,) = split_entries(join_entries([entry]))
        assert (back.command, back.client_order_ids, back.source) == (command, ["a", ""], "ws")
    assert len(kinds) == 21


def test_a_batch_replayed_has_the_hash_it_had_and_another_has_not() -> None:
    stream, first, second = Stream(6), Engine(), Engine()
    commands = [stream.next() for _ in range(200)]
    expected = hash_of(first.apply_batch(commands))
    assert hash_of(second.apply_batch(commands)) == expected
    assert hash_of(Engine().apply_batch(commands[:-1])) != expected


def test_a_replacement_of_before_its_time_in_force_could_be_said_reads_on() -> None:
    stored = join_entries([msgspec.msgpack.encode([[12, 7, 8, 9, 1, 4, 0, 0, 0, 0, 0], [], "ws"])])
    (entry,) = split_entries(stored)
    assert entry.command == ReplaceOrder(7, 8, 9, 1, 4)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\x02\xdd\x00\x00\x00\x00",
        b"\x01",
        b"\x01\xdd\x00\x00\x00\x01",
        b"\x01" + msgspec.msgpack.encode([[[99, 1, 1], [], "x"]]),
        b"\x01" + msgspec.msgpack.encode([[[], [], "x"]]),
    ],
)
def test_bytes_of_another_version_are_refused(stored: bytes) -> None:
    with pytest.raises(JournalError):
        split_entries(stored)
