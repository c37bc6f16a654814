"""Senses the loops and the arm, steps the lane, and shows its state: the gate's steady pulse."""

import asyncio
import sys

from firmware.gate import signals
from protocols.portable import codes

_BUSY_MS = 10
_IDLE_MS = 20
# After an error in the lane's cycle: long enough not to flood the log, short enough for a driver.
_PAUSE_MS = 1000


class LaneLoop:
    """Owns the lane. Safe state after any error: no pulse, the cycle starts again in a second.

    The relay's pulse ends by itself, the operator's hardware lowers the arm when the loops are
    clear, and the car at the reader can tap again: neither entry nor exit is left open or trapped.
    """

    def __init__(self, lane, board, journal, uptime_ms, alive, on_state):
        """Take the parts; on_state(text) is told every change of the lane's state."""
        self._lane = lane
        self._board = board
        self._journal = journal
        self._uptime_ms = uptime_ms
        self._alive = alive
        self._on_state = on_state
        self._shown = None
        self._answer_until_ms = 0

    async def run(self):
        """Sense for ever."""
        while True:
            self._alive()
            try:
                self._cycle()
                pause_ms = _BUSY_MS if self._lane.is_busy else _IDLE_MS
            except Exception as error:  # noqa: BLE001 - whatever it is, the lane must go on
                sys.print_exception(error)
                self._journal.add(codes.FAULT, {"code": "lane_error", "detail": repr(error)[:120]})
                pause_ms = _PAUSE_MS
            await asyncio.sleep_ms(pause_ms)

    def open(self, grant):
        """Let a car pass on a grant (see Lane.admit); False if the lane does not allow it now."""
        pulses, events = self._lane.admit(grant, self._uptime_ms())
        if pulses:
            self._board.relay.pulse()
        self._journal.add_all(events)
        return pulses

    def show_answer(self, reason):
        """Tell the driver, until the sentence has been read."""
        pattern, text = signals.for_answer(reason)
        self._board.display.show(text)
        self._board.buzzer.play(pattern)
        self._answer_until_ms = self._uptime_ms() + signals.ANSWER_SHOWN_MS

    def _cycle(self):
        board = self._board
        now_ms = self._uptime_ms()
        arm = board.arm.read() if board.arm else None
        events = self._lane.step(board.arming.is_closed(), board.safety.is_closed(), arm, now_ms)
        state = self._lane.state
        if state != self._shown:
            self._shown = state
            board.lamp.show(signals.for_state(state)[0])
            self._on_state(state)
        if now_ms >= self._answer_until_ms:
            board.display.show(signals.for_state(state)[1])
        self._journal.add_all(events)
