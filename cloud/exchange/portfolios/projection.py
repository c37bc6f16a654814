"""What a portfolio may be worth: estimates from its own daily returns, with their uncertainty.

Two methods, both from the logarithms of the daily growth (flows apart), both telling how uncertain
the estimate itself is, because a few dozen days say little about the years to come:

- `lognormal`: the logarithms are taken as independent and normal with unknown mean and variance.
  What is predicted is then Student's t: over h days, from n observed with mean m and deviation s,
  the q-quantile of the log growth is  h*m + t(q, n-1) * s * sqrt(h + h*h/n).  The first part under
  the root is the chance of the days to come, the second our ignorance of the mean.
- `bootstrap`: no shape is assumed. Every path first draws a history of n days from the observed
  ones (that is our ignorance), then its h days from that history, in runs of BLOCK_DAYS days so
  that what follows on what is kept. Quantiles are read off the sorted paths.

Neither knows of anything that has not happened in the observed days. Estimates are the one place
of the exchange that computes with floats; what comes out is rounded to minor units.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev
from typing import Final

from cloud.exchange.portfolios import student_t

OBSERVED_DAYS_MIN: Final = 10
OBSERVED_DAYS_MAX: Final = 756
"""Three years; what lies further back says little about now."""
HORIZON_DAYS_MAX: Final = 252
TRADING_DAYS_A_YEAR: Final = 252
BLOCK_DAYS: Final = 5
PATHS: Final = 1_000
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_LOG_MAX: Final = 40.0
"""Nobody's portfolio grows e^40 times; it keeps absurd histories inside what a float can hold."""


class Method(StrEnum):
    """How the future is drawn; see the module."""

    LOGNORMAL = "lognormal"
    BOOTSTRAP = "bootstrap"


class TooFewDaysError(ValueError):
    """There are fewer observed days than any estimate could be made from."""


@dataclass(frozen=True, slots=True)
class ProjectedDay:
    """The quantiles of the equity, of QUANTILES in order, so many trading days ahead."""

    days_ahead: int
    equity: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """An estimate; the yearly figures are of the logarithm of growth.

    drift_error: the standard error of `drift`; more than the drift itself means that even its
        sign is not known.
    """

    method: Method
    observed_days: int
    drift: float
    drift_error: float
    volatility: float
    days: tuple[ProjectedDay, ...]


def project(
    equity: int, growth: Sequence[float], horizon_days: int, method: Method, seed: int = 0
) -> Projection:
    """What the equity may be on each of the next trading days.

    growth: by how much each observed day multiplied the portfolio, oldest first.
    horizon_days: 1 to HORIZON_DAYS_MAX.
    seed: of the bootstrap's draws; the same gives the same projection.

    Raises:
        TooFewDaysError: fewer than OBSERVED_DAYS_MIN days are known.
        ValueError: nothing to project, or too far ahead.
    """
    if equity <= 0 or not 1 <= horizon_days <= HORIZON_DAYS_MAX:
        raise ValueError(f"Nothing can be said of {equity} in {horizon_days} days.")
    if len(growth) < OBSERVED_DAYS_MIN:
        raise TooFewDaysError(
            f"{len(growth)} days are known of this portfolio; an estimate takes "
            f"{OBSERVED_DAYS_MIN}."
        )
    logs = [math.log(factor) for factor in growth[-OBSERVED_DAYS_MAX:]]
    mean, deviation = fmean(logs), stdev(logs)
    if method is Method.LOGNORMAL:
        by_day = _lognormal(mean, deviation, len(logs), horizon_days)
    else:
        by_day = _bootstrap(logs, horizon_days, random.Random(seed))  # noqa: S311 - no secret
    days = tuple(
        ProjectedDay(ahead, tuple(_grown(equity, log) for log in quantiles))
        for ahead, quantiles in enumerate(by_day, 1)
    )
    year = TRADING_DAYS_A_YEAR
    return Projection(
        method=method,
        observed_days=len(logs),
        drift=mean * year,
        drift_error=deviation / math.sqrt(len(logs)) * year,
        volatility=deviation * math.sqrt(year),
        days=days,
    )


def _lognormal(mean: float, deviation: float, observed: int, horizon: int) -> list[list[float]]:
    ts = [student_t.quantile(q, observed - 1) for q in QUANTILES]
    return [
        [h * mean + t * deviation * math.sqrt(h + h * h / observed) for t in ts]
        for h in range(1, horizon + 1)
    ]


def _bootstrap(logs: Sequence[float], horizon: int, draw: random.Random) -> list[list[float]]:
    by_day: list[list[float]] = [[] for _ in range(horizon)]
    for _ in range(PATHS):
        history = _runs(logs, len(logs), draw)
        total = 0.0
        for ahead, log in enumerate(_runs(history, horizon, draw)):
            total += log
            by_day[ahead].append(total)
    return [_read_off(sorted(totals)) for totals in by_day]


def _runs(logs: Sequence[float], length: int, draw: random.Random) -> list[float]:
    """So many days, in runs of what followed on each other; the end goes on with the beginning."""
    drawn: list[float] = []
    while len(drawn) < length:
        start = draw.randrange(len(logs))
        drawn.extend(logs[(start + n) % len(logs)] for n in range(BLOCK_DAYS))
    return drawn[:length]


def _read_off(totals: Sequence[float]) -> list[float]:
    found = []
    for q in QUANTILES:
        place = q * (len(totals) - 1)
        low = int(place)
        high = min(low + 1, len(totals) - 1)
        found.append(totals[low] + (totals[high] - totals[low]) * (place - low))
    return found


def _grown(equity: int, log: float) -> int:
    return round(equity * math.exp(max(-_LOG_MAX, min(_LOG_MAX, log))))
