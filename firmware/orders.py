"""Carries out what a checked command asks for; its counter is on flash before anything happens."""

import asyncio

from firmware.settings import CONFIG, changed_config
from protocols.portable import codes

STATE = "state.json"
# Time for the event that reports the reboot to leave.
_REBOOT_AFTER_MS = 1500


class Orders:
    """Acts on commands for one gate. State kept on flash: {"counter", "out_of_service"}."""

    def __init__(self, storage, lane, lane_loop, clock, journal, boot, board):
        """Take the parts and the state of before."""
        self._storage = storage
        self._lane = lane
        self._lane_loop = lane_loop
        self._clock = clock
        self._journal = journal
        self._boot = boot
        self._board = board
        self._state = storage.read_json(STATE)
        self._rebooting = None
        lane.is_out_of_service = bool(self._state.get("out_of_service", False))

    @property
    def counter(self):
        """The counter of the last command obeyed; 0 before the first."""
        return self._state.get("counter", 0)

    async def act(self, command):
        """Do it; gives the result code."""
        self._state["counter"] = command.counter
        try:
            self._storage.write_json(STATE, self._state)
        except OSError:
            # Unrecorded, it could be played again after a restart.
            return codes.REFUSED_NOT_NOW
        if command.op == codes.OP_OPEN:
            is_open = self._lane_loop.open({"command": command.id})
            return codes.DONE if is_open else codes.REFUSED_NOT_NOW
        if command.op == codes.OP_TIME:
            return self._set_time(command.args["now_ms"])
        if command.op == codes.OP_CONFIG:
            return self._configure(command.args)
        if command.op == codes.OP_OUT_OF_SERVICE:
            return self._out_of_service(command.args.get("on"))
        self._rebooting = asyncio.create_task(self._reboot())
        return codes.DONE

    def _set_time(self, now_ms):
        before_ms = self._clock.now_ms()
        if not self._clock.set_by_command(now_ms):
            return codes.REFUSED_EXPIRED
        if before_ms is None or abs(before_ms - now_ms) > 2000:
            self._journal.add(codes.CLOCK, {"before_ms": before_ms, "after_ms": now_ms})
        return codes.DONE

    def _configure(self, changes):
        config = changed_config(self._storage.read_json(CONFIG), changes)
        if config is None:
            return codes.REFUSED_MALFORMED
        self._storage.write_json(CONFIG, config)
        return codes.DONE

    def _out_of_service(self, is_on):
        if not isinstance(is_on, bool):
            return codes.REFUSED_MALFORMED
        self._state["out_of_service"] = is_on
        self._storage.write_json(STATE, self._state)
        # Whatever is ordered, a gate in safe mode stays out of service until its next start.
        self._lane.is_out_of_service = is_on or self._boot.is_safe_mode
        return codes.DONE

    async def _reboot(self):
        await asyncio.sleep_ms(_REBOOT_AFTER_MS)
        self._boot.forgive()
        self._board.reset()
