"""Wall time: never behind what was known, and as trusted as it deserves."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from firmware.link.clock import (
    KEEP_EVERY_MS,
    TRUSTED_MS,
    Clock,
    civil_from_days,
    days_from_civil,
)
from firmware.storage import Storage
from protocols.portable import codes

NOW_MS = 1_800_000_000_123
YEAR_2000_MS = 946_684_800_000


class Rtc:
    """A chip's clock: microseconds in the last field, or whole seconds."""

    def __init__(self, *, subseconds: int | None, at_ms: int = YEAR_2000_MS) -> None:
        self.at_ms = at_ms
        self.subseconds = subseconds

    def datetime(self, value=None):
        if value is not None:
            year, month, day, weekday, hour, minute, second, sub = value
            moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
            assert moment.weekday() == weekday
            self.at_ms = int(moment.timestamp()) * 1_000 + sub // (self.subseconds or 1)
            return None
        moment = datetime.datetime.fromtimestamp(self.at_ms // 1_000, datetime.UTC)
        sub = self.at_ms % 1_000 * (self.subseconds or 0)
        return (
            moment.year, moment.month, moment.day, moment.weekday(),
            moment.hour, moment.minute, moment.second, sub,
        )  # fmt: skip


class Gate:
    """A clock on a flash, and time that passes."""

    def __init__(self, folder, *, subseconds: int | None = 1_000, made_at_ms: int = 0) -> None:
        self.rtc = Rtc(subseconds=subseconds)
        self.up_ms = 0
        self.clock = Clock(self.rtc, lambda: self.up_ms, Storage(str(folder)), subseconds)
        self.clock.start(made_at_ms)

    def wait(self, ms: int) -> None:
        self.up_ms += ms
        self.rtc.at_ms += ms


def test_a_gate_that_never_knew_the_time_says_so(tmp_path):
    gate = Gate(tmp_path)
    assert gate.clock.now_ms() is None
    assert gate.clock.quality() == codes.CLOCK_UNSET


def test_a_signed_time_is_kept_to_the_millisecond_on_either_board(tmp_path):
    for subseconds in (1_000, None):
        gate = Gate(tmp_path, subseconds=subseconds)
        assert gate.clock.set_by_command(NOW_MS)
        gate.wait(777)
        assert gate.clock.now_ms() == NOW_MS + 777
        assert gate.clock.quality() == codes.CLOCK_SET


def test_after_a_power_cut_the_clock_does_not_start_before_what_it_knew(tmp_path):
    gate = Gate(tmp_path)
    gate.clock.set_by_command(NOW_MS)
    gate.wait(KEEP_EVERY_MS)
    gate.clock.keep()
    again = Gate(tmp_path)
    assert again.clock.now_ms() == NOW_MS + KEEP_EVERY_MS
    assert again.clock.quality() == codes.CLOCK_DRIFTING


def test_provisioning_gives_a_first_floor(tmp_path):
    assert Gate(tmp_path, made_at_ms=NOW_MS).clock.now_ms() == NOW_MS


def test_a_clock_not_set_for_a_day_drifts(tmp_path):
    gate = Gate(tmp_path)
    gate.clock.set_by_command(NOW_MS)
    gate.wait(TRUSTED_MS + 1)
    assert gate.clock.quality() == codes.CLOCK_DRIFTING


def test_a_delayed_time_cannot_turn_a_set_clock_back_but_a_fresh_answer_can(tmp_path):
    gate = Gate(tmp_path)
    gate.clock.set_by_command(NOW_MS)
    gate.wait(60_000)
    assert not gate.clock.set_by_command(NOW_MS)
    assert gate.clock.set_by_command(NOW_MS + 59_000)
    assert gate.clock.set_by_command(NOW_MS + 500_000)
    gate.clock.set_by_answer(NOW_MS)
    assert gate.clock.now_ms() == NOW_MS


def test_a_jump_of_the_chip_is_seen_on_a_board_that_counts_seconds(tmp_path):
    gate = Gate(tmp_path, subseconds=None)
    gate.clock.set_by_command(NOW_MS)
    gate.rtc.at_ms += 3_600_000
    assert abs(gate.clock.now_ms() - NOW_MS - 3_600_000) < 1_000


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2400, 1, 1)))
def test_dates_and_days_agree_with_the_library(date):
    days = (date - datetime.date(1970, 1, 1)).days
    assert days_from_civil(date.year, date.month, date.day) == days
    assert civil_from_days(days) == (date.year, date.month, date.day)
