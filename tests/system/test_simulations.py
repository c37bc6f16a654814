"""Whole days and storms: every program real, and every promise held at the end."""

import os
from datetime import date

import msgspec
import pytest

from simulators.play import Run, play
from simulators.scenario import load_scenario, recordings_folder

pytestmark = pytest.mark.system

P7 = recordings_folder() / "parking" / "thsparking" / "P7.csv.gz"


def plan_of(name, **traffic):
    plan = load_scenario(name)
    return msgspec.structs.replace(plan, traffic=msgspec.structs.replace(plan.traffic, **traffic))


async def played(folder, name, seed, **traffic):
    folder.chmod(0o755)
    report = await play(Run(name, plan_of(name, **traffic), seed, folder), print)
    assert report.ok, report.to_text()
    return report


@pytest.mark.timeout(300)
async def test_the_first_cars_of_a_day_park_pay_and_leave_and_nothing_is_lost(scratch):
    report = await played(scratch, "commuter-day", 3, visits_max=6)
    assert report.figures["stays_finished"] >= 5
    assert report.figures["fees_cents"] > 0


@pytest.mark.timeout(400)
async def test_programs_and_gates_killed_at_random_lose_and_double_nothing(scratch):
    report = await played(scratch, "storm", 11, taps=40)
    assert report.figures["attempts"] >= 40


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_frozen_links_hung_readers_lost_wifi_and_turned_clocks_lose_nothing(scratch):
    report = await played(scratch, "foul-weather", 5, taps=30)
    assert report.figures["passed"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not P7.exists(), reason="recordings are not here (../shared/data)")
async def test_a_recorded_day_gives_the_same_stays_and_fees_on_every_run(scratch):
    day = {"day": date(2018, 9, 12)}
    first = await played(scratch / "1", "recorded-day", 1, **day)
    second = await played(scratch / "2", "recorded-day", 1, **day)
    assert first.stays_hash == second.stays_hash
    assert first.figures["fees_cents"] == second.figures["fees_cents"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_long_storm_loses_and_doubles_nothing(scratch):
    seed = int(os.environ.get("CURB_STORM_SEED", "23"))
    await played(scratch, "storm", seed, taps=1_000)
