"""Time and ids come from where the program was told, and nowhere else."""

import random
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.clock import FileClock, ManualClock, SystemClock, clock_from, from_ms, to_ms
from cloud.kit.ids import TimeOrderedIds

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@given(st.integers(0, 253_402_300_799_999))
def test_milliseconds_survive_the_way_to_an_instant_and_back(instant_ms: int):
    assert to_ms(from_ms(instant_ms)) == instant_ms


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        to_ms(AT.replace(tzinfo=None))


def test_an_instant_of_another_zone_is_the_same_instant():
    assert to_ms(AT.astimezone(timezone(timedelta(hours=-5)))) == to_ms(AT)


def test_the_clock_file_is_the_time(tmp_path: Path):
    path = tmp_path / "clock"
    path.write_bytes(struct.pack("<q", to_ms(AT)))
    clock = clock_from(path)
    assert isinstance(clock, FileClock)
    assert clock.now() == AT
    path.write_bytes(struct.pack("<q", to_ms(AT) + 1))
    assert clock.now_ms() == to_ms(AT) + 1


def test_a_clock_file_that_is_cut_short_is_an_error_not_a_time(tmp_path: Path):
    path = tmp_path / "clock"
    path.write_bytes(b"abc")
    with pytest.raises(OSError, match="3 bytes"):
        FileClock(path).now()


def test_without_a_clock_file_the_machine_is_asked():
    assert isinstance(clock_from(Path()), SystemClock)
    assert clock_from(Path()).now().tzinfo is UTC


def test_ids_are_version_7_and_sort_by_time():
    clock = ManualClock(AT)
    ids = TimeOrderedIds(clock)
    first = ids.new()
    clock.advance(timedelta(milliseconds=1))
    second = ids.new()
    assert first.version == second.version == 7
    assert first < second
    assert first.int >> 80 == to_ms(AT)


def test_the_same_seed_makes_the_same_ids():
    def some(seed: int) -> list[str]:
        ids = TimeOrderedIds(ManualClock(AT), random.Random(seed).getrandbits)
        return [str(ids.new()) for _ in range(50)]

    assert some(1) == some(1) != some(2)
    assert len(set(some(1))) == 50
