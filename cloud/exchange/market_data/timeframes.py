"""The timeframes of bars, as Alpaca writes them ("5Min", "1Hour", "3Month"), and seconds."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from trading.bars import DAY, HOUR, MINUTE, SECOND


class Unit(StrEnum):
    """What a timeframe counts."""

    SECOND = "Sec"
    MINUTE = "Min"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


_PATTERN: Final = re.compile(r"([0-9]{1,2})(Sec|S|Min|T|Hour|H|Day|D|Week|W|Month|M)", re.ASCII)
_SHORT: Final = {"S": "Sec", "T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
_AMOUNTS: Final[dict[Unit, frozenset[int]]] = {
    Unit.SECOND: frozenset(range(1, 60)),
    Unit.MINUTE: frozenset(range(1, 60)),
    Unit.HOUR: frozenset(range(1, 24)),
    Unit.DAY: frozenset({1}),
    Unit.WEEK: frozenset({1}),
    Unit.MONTH: frozenset({1, 2, 3, 4, 6, 12}),
}
_BASE_S: Final = {
    Unit.SECOND: SECOND,
    Unit.MINUTE: MINUTE,
    Unit.HOUR: HOUR,
    Unit.DAY: DAY,
    Unit.WEEK: DAY,
    Unit.MONTH: DAY,
}


@dataclass(frozen=True)
class Timeframe:
    """So many of a unit; hours and shorter begin where local time divides by them."""

    amount: int
    unit: Unit

    @property
    def base_s(self) -> int:
        """The span in seconds of the stored bars that it is made of."""
        return _BASE_S[self.unit]

    @property
    def span_s(self) -> int:
        """Its length in seconds; of weeks and months, the base's, as they are no fixed length."""
        return self.amount * self.base_s

    @property
    def is_base(self) -> bool:
        """Whether the stored bars are already what is asked for."""
        return self.amount == 1 and self.unit not in (Unit.WEEK, Unit.MONTH)


def parse_timeframe(text: str) -> Timeframe | None:
    """The timeframe, None if it is none."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    unit = Unit(_SHORT.get(match[2], match[2]))
    amount = int(match[1])
    return Timeframe(amount, unit) if amount in _AMOUNTS[unit] else None
