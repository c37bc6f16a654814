"""The schedules a venue can be given: by name, or in a TOML file of its own.

zone = "Europe/London"
weekdays = [0, 1, 2, 3, 4]
holidays = ["2026-12-25", "2026-12-28"]
[hours]
begins = "04:00"
opening_call = "07:50"
opens = "08:00"
closing_call = "16:30"
closes = "16:35"
[early_closes]
"2026-12-24" = "12:35"
"""

import re
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cloud.exchange.sessions.calendar import MINUTES_OF_DAY, Hours, Schedule
from cloud.exchange.sessions.holidays import is_early_close, is_holiday
from cloud.kit.settings import SettingsError

ALWAYS: Final = Schedule("always", ZoneInfo("UTC"), Hours(0, 0, 0, MINUTES_OF_DAY, MINUTES_OF_DAY))
"""Around the clock; the day turns at midnight UTC, when day orders end and trades settle."""

_EARLY_CLOSE: Final = 13 * 60

US_EQUITIES: Final = Schedule(
    "us-equities",
    ZoneInfo("America/New_York"),
    # The calls are short: who follows the usual hours finds continuous trading nearly throughout.
    Hours(4 * 60, 9 * 60 + 25, 9 * 60 + 30, 15 * 60 + 59, 16 * 60),
    weekdays=frozenset(range(5)),
    is_day_off=is_holiday,
    early_closes=lambda day: _EARLY_CLOSE if is_early_close(day) else None,
)

MANUAL: Final = replace(ALWAYS, name="manual", is_driven=False)
"""Nothing happens by itself."""

SCHEDULES: Final = {one.name: one for one in (ALWAYS, US_EQUITIES, MANUAL)}


class _HoursText(msgspec.Struct, forbid_unknown_fields=True):
    begins: str
    opening_call: str
    opens: str
    closing_call: str
    closes: str


class _ScheduleText(msgspec.Struct, forbid_unknown_fields=True):
    zone: str
    hours: _HoursText
    weekdays: frozenset[Annotated[int, msgspec.Meta(ge=0, le=6)]] = frozenset(range(5))
    holidays: frozenset[date] = frozenset()
    early_closes: dict[date, str] = {}


def schedule_of(setting: str) -> Schedule:
    """The schedule of this name, or in the TOML file of this path.

    Raises:
        SettingsError: there is none, or it cannot be one; says why.
    """
    known = SCHEDULES.get(setting)
    if known is not None:
        return known
    if not setting.endswith(".toml"):
        names = ", ".join(SCHEDULES)
        raise SettingsError(
            f"CURB_EXCHANGE_SCHEDULE is one of {names} or a .toml file, not {setting!r}."
        )
    try:
        return _read(Path(setting))
    except (
        OSError,
        tomllib.TOMLDecodeError,
        msgspec.ValidationError,
        ZoneInfoNotFoundError,
        ValueError,
    ) as error:
        raise SettingsError(f"The schedule {setting} cannot be used: {error}.") from error


def minutes_of(text: str) -> int:
    """Minutes after midnight of `09:30`; `24:00` ends the day.

    Raises:
        ValueError: it is no time of day.
    """
    if re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", text) is None:
        raise ValueError(f"{text!r} is no time of day such as 09:30")
    return int(text[:2]) * 60 + int(text[3:])


def _read(path: Path) -> Schedule:
    found = msgspec.convert(tomllib.loads(path.read_text()), _ScheduleText, strict=False)
    early = {day: minutes_of(text) for day, text in found.early_closes.items()}
    schedule = Schedule(
        path.stem,
        ZoneInfo(found.zone),
        Hours(*(minutes_of(text) for text in msgspec.structs.astuple(found.hours))),
        weekdays=found.weekdays,
        is_day_off=found.holidays.__contains__,
        early_closes=early.get,
    )
    if not found.weekdays:
        raise ValueError("it has no trading day")
    if len(found.holidays) > 250:
        raise ValueError("it has more than 250 holidays")
    shortened = [schedule.hours, *(schedule.hours.closing_at(one) for one in early.values())]
    if not all(hours.is_valid() for hours in shortened):
        raise ValueError("the hours must rise within one day, and the open come before the close")
    return schedule
