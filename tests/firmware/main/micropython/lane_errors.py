"""Runs on MicroPython: an error in the lane's cycle is journalled and the cycle goes on."""

import asyncio

from firmware.lane_loop import LaneLoop
from protocols.portable import codes


class Part:
    """Whatever the loop asks of the board."""

    def is_closed(self):
        return False

    def show(self, _value):
        pass


class Board:
    arming = safety = lamp = display = Part()
    arm = None


class Lane:
    is_busy = True
    state = "idle"
    steps = 0

    def step(self, arming, safety, arm, now_ms):
        self.steps += 1
        if self.steps == 3:
            raise ValueError("a loop came loose")
        return []


class Journal:
    def __init__(self):
        self.events = []

    def add(self, kind, data):
        self.events.append((kind, data))

    def add_all(self, events):
        for event in events:
            self.add(*event)


async def main():
    lane, journal, alive = Lane(), Journal(), []
    loop = LaneLoop(lane, Board(), journal, lambda: 0, lambda: alive.append(1), lambda state: None)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep_ms(500)
    assert lane.steps == 3, lane.steps
    assert journal.events[0][0] == codes.FAULT
    assert journal.events[0][1]["code"] == "lane_error"
    assert "a loop came loose" in journal.events[0][1]["detail"]
    await asyncio.sleep_ms(800)
    assert lane.steps > 3
    assert len(journal.events) == 1
    assert len(alive) == lane.steps
    task.cancel()
    print("went on")


asyncio.run(main())
