"""Starts the firmware on the simulated board; see simulators/board/__init__.py."""

import asyncio
import os

import machine

from simulators.board.world import WORLD


def _watch(state):
    WORLD.tell({"state": state})


def _start():
    # The firmware is run as files, not imported by name: the simulators know none of it.
    firmware = __import__("firmware.main", None, None, ["run"])
    address = os.getenv("CURB_WORLD")
    if address:
        WORLD.connect(address, machine.hello())
        WORLD.listening = asyncio.create_task(WORLD.listen())
    firmware.run(os.getenv("CURB_FLASH") or "/tmp/curb-flash", _watch)  # noqa: S108


_start()
