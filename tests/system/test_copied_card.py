"""A copy of a secured card, held up at real gates of a whole system."""

import asyncio

import pytest

from protocols.portable import codes
from simulators.drivers import pass_lane
from simulators.fleet import running_fleet
from simulators.hardware.tags import make
from simulators.system import started_system
from simulators.world import Card

pytestmark = pytest.mark.system


async def alerts_of(api, kind, within_s=30):
    """The alerts of one kind, as soon as there are any."""
    async with asyncio.timeout(within_s):
        while True:
            found = [each for each in await api.every("/api/v1/alerts") if each["kind"] == kind]
            if found:
                return found
            await asyncio.sleep(0.2)


@pytest.mark.timeout(300)
async def test_a_copy_is_refused_and_told_with_both_taps_and_its_bare_number_opens_nothing(scratch):
    scratch.chmod(0o755)
    async with started_system(scratch / "data") as system:
        stage = system.stage()
        box = await asyncio.to_thread(stage.card_box)
        card = box.take(next(each.uid for each in stage.cards if each.level == 1), 1)
        async with running_fleet(stage.setups(), scratch / "consoles", pace=6) as fleet:
            await fleet.wait_ready(within_s=90)
            await fleet.wait_listed(within_s=90)
            copy = Card(dict(card.dump))
            # The counter is written at each tap: after two of them the copy's is behind.
            came = await pass_lane(fleet.worlds["elm-in-1"], "own", card)
            went = await pass_lane(fleet.worlds["elm-out-1"], "own", card)
            assert came.has_passed
            assert went.has_passed
            copied = await pass_lane(fleet.worlds["elm-in-2"], "thief", copy)
            assert not copied.is_granted
            assert copied.reason == codes.COPY_SUSPECTED
            number = Card(make("uid", bytes.fromhex(card.uid)).dump())
            bare = await pass_lane(fleet.worlds["elm-in-2"], "other thief", number)
            assert not bare.is_granted
            assert bare.reason == codes.LEVEL_TOO_LOW
            async with system.person("operator") as api:
                alert = (await alerts_of(api, codes.COPIED_CARD))[0]
    taps = alert["detail"]
    assert taps["this"]["gate"] == "elm-in-2"
    assert taps["earlier"]["gate"] in ("elm-out-1", "elm-in-2")
    assert taps["this"]["counter"] < taps["earlier"]["counter"]
