"""A scenario: what traffic, on which clock, under which faults; one TOML file each."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import msgspec

from simulators import traffic

FOLDER = Path(__file__).parent / "scenarios"
DATA_VARIABLE = "CURB_RECORDINGS_DIR"


class ScenarioError(Exception):
    """There is no such scenario, it cannot be read, or its recording is not here."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who drives.

    kind: recorded (a thsparking file, below the folder of recordings), synthetic (a seeded day), or
        rush (cars in and out as fast as the lanes take them, until so many taps).
    visits_max: leave out the rest of the day.
    """

    kind: Literal["recorded", "synthetic", "rush"]
    file: str = ""
    day: date = date(2026, 3, 2)
    spaces: int = 31
    cars: int = 40
    taps: int = 100
    visits_max: int | None = None


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """stepped: simulated time, frozen while each car passes; else real time."""

    stepped: bool = False


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What breaks, at random moments on average `mean_gap_s` apart; 0: nothing.

    programs: of `curb up`, killed (SIGKILL). frozen: of `curb up`, frozen for up to `freeze_s`: a
        frozen cloud-broker is a cut WAN. gates: boards lose their power. readers: chips hang.
        wifi: gates lose their network for up to `freeze_s`. clocks: theirs jump by hours.
        lines: a gate's bytes to and from the broker take up to a second for up to `freeze_s`.
    """

    mean_gap_s: float = 0.0
    programs: list[str] = []
    frozen: list[str] = []
    freeze_s: float = 5.0
    gates: bool = False
    readers: bool = False
    wifi: bool = False
    clocks: bool = False
    lines: bool = False


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario file. pace: how many times faster than life cars and arms move."""

    about: str
    traffic: Traffic
    clock: Clock = Clock()
    faults: Faults = Faults()
    pace: float = 8.0


def scenario_names() -> list[str]:
    """Every scenario that ships."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_scenario(name: str) -> Scenario:
    """The scenario of that name, or in the file of that path.

    Raises:
        ScenarioError: see there.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except FileNotFoundError as error:
        known = ", ".join(scenario_names())
        raise ScenarioError(f"There is no scenario {name}. There are: {known}.") from error
    except msgspec.MsgspecError as error:
        raise ScenarioError(f"{path} is no scenario: {error}.") from error


def recordings_folder() -> Path:
    """Where real recordings lie: CURB_RECORDINGS_DIR, else ../shared/data."""
    given = os.environ.get(DATA_VARIABLE)
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def visits_of(scenario: Scenario, seed: int) -> list[traffic.Visit]:
    """The day's visits; empty for a rush, which plans nothing.

    Raises:
        ScenarioError: the recording is not here.
    """
    plan = scenario.traffic
    if plan.kind == "rush":
        return []
    if plan.kind == "synthetic":
        midnight = datetime(plan.day.year, plan.day.month, plan.day.day, tzinfo=UTC)
        visits = traffic.synthetic_day(
            seed=seed, midnight_ms=int(midnight.timestamp() * 1_000), cars=plan.cars
        )
    else:
        path = recordings_folder() / plan.file
        if not path.exists():
            raise ScenarioError(
                f"The recording {path} is not here. Name the folder of recordings in "
                f"{DATA_VARIABLE}, or play a synthetic scenario."
            )
        visits = traffic.recorded_day(path, plan.day, spaces=plan.spaces)
    return visits[: plan.visits_max]
