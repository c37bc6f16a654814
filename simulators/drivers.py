"""What people do at a lane: drive up, hold up the card, drive through or give up."""

import asyncio
from collections.abc import Awaitable, Callable

from simulators.lane_physics import Intent
from simulators.traffic import Behaviour
from simulators.world import Attempt, Card, GateWorld

LINE_WITHIN_MS = 30_000
ANSWER_WITHIN_MS = 5_000
DISPLAY_WITHIN_MS = 500
# Longer than the beeps of a refusal, and than the gate takes a card for the same one.
TRY_AGAIN_AFTER_MS = 900
PASS_WITHIN_MS = 30_000
TRIES = 3


async def pass_lane(
    world: GateWorld,
    name: str,
    card: Card,
    *,
    behaviour: Behaviour = Behaviour.NORMAL,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> Attempt:
    """One car tries to get through one lane.

    name: of the car, unique in the lane.
    pause: awaited by a hesitant driver between the grant and driving on.
    Returns what happened; a driver who is refused three times backs out.
    """
    car = world.arrive(name)
    await world.wait_until(lambda: world.lane.is_at_line(car), within_ms=LINE_WITHIN_MS)
    timings = len(world.timings_us)
    is_granted = False
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(TRY_AGAIN_AFTER_MS / 1_000)
        if await _is_granted_at_reader(world, card):
            is_granted = True
            break
    to_relay_us = world.timings_us[-1] if len(world.timings_us) > timings else None
    reason = world.reason
    if not is_granted or behaviour is Behaviour.BACKS_OUT:
        world.drive(car, Intent.BACK_OUT)
        await world.wait_until(lambda: car not in world.lane.cars, within_ms=PASS_WITHIN_MS)
        return Attempt(world.gate, name, card.uid, is_granted, reason, False, to_relay_us)
    if behaviour is Behaviour.HESITATES and pause is not None:
        await pause()
    if behaviour is Behaviour.TAILGATES:
        world.arrive(f"{name}-tail", follows=True)
    world.drive(car, Intent.GO)
    await world.wait_until(lambda: not world.lane.cars, within_ms=PASS_WITHIN_MS)
    return Attempt(
        world.gate, name, card.uid, is_granted, reason, name in world.passed, to_relay_us
    )


async def _is_granted_at_reader(world: GateWorld, card: Card) -> bool:
    """Hold the card up once, until the relay pulses or the display refuses."""
    pulses = world.lane.pulses
    world.reason = ""
    world.present(card)
    await world.wait_until(
        lambda: world.lane.pulses > pulses or bool(world.reason), within_ms=ANSWER_WITHIN_MS
    )
    # The relay comes before the display: people see the arm move while they read.
    await world.wait_until(lambda: bool(world.reason), within_ms=DISPLAY_WITHIN_MS)
    world.present()
    return world.lane.pulses > pulses
