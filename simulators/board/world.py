"""The wire between a simulated board and the world around it: newline-delimited JSON over TCP.

The board connects to CURB_WORLD and says hello; then, at any time, in either direction:

world -> board
    {"loop": "arming"|"safety", "on": bool}     metal above a loop, or not
    {"field": [dump, ...]}                      the cards at the reader, see hardware/tags.py; one
                                                that was there and still is keeps its state
    {"arm": "up"|"down"|"moving"}               limit switches; they need "arm_switch" in the config
    {"fault": {"reader": "hang"|"noise"|"wiring"|null, "rtc_offset_ms": int, "wifi": bool}}
                                                any of them; "wifi": false takes the network away
board -> world
    {"hello": gate id, "board": name, "reset": cause}       first of all
    {"pin": "relay", "on": bool, "us": ticks}
    {"lamp": {"red": bool, "green": bool}}   {"buzzer": bool}   {"display": text}
    {"tag": dump}                               a card's memory was written
    {"timing": {"brought_us": t, "first_answer_us": t, "relay_us": t}}
                                                with the pulse: when the card in the field was
                                                brought and first answered, and when the relay
                                                closed, all by the board's one clock
    {"state": lane state}
    {"seen": "arming"|"safety"}                 the firmware has sampled the loop's last change for
                                                25 ms, longer than its debouncing: the world, which
                                                runs faster than life, waits for that

A board whose world hangs up ends itself.
"""

import _thread
import asyncio
import json
import os
import socket
import sys
import time

SEEN_AFTER_MS = 25


class World:
    """The board's end; `inputs` is what the pins sense, handlers are set by `machine`."""

    def __init__(self):
        """Not connected yet; nothing on the loops, the arm down."""
        self.inputs = {"arming": False, "safety": False, "arm_up": False, "arm_down": True}
        self.has_network = True
        self._unseen = {}  # loops whose last change is new -> ms of the first sample of it
        self.on_field = None
        self.on_fault = None
        self.listening = None
        self._socket = None
        # Timers and the watchdog speak from threads of their own.
        self._lock = _thread.allocate_lock()

    def connect(self, address, hello):
        """Connect to host:port and say hello."""
        host, port = address.rsplit(":", 1)
        self._socket = socket.socket()
        self._socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
        self._socket.setsockopt(6, 1, 1)
        self.tell(hello)

    def tell(self, message):
        """Send one message; without a world it is lost."""
        if self._socket is None:
            return
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            try:
                self._socket.write(line)
            except OSError:
                self._socket = None

    async def listen(self):
        """Take messages until the world hangs up, which ends the process."""
        stream = asyncio.StreamReader(self._socket)
        while True:
            try:
                line = await stream.readline()
            except OSError:
                line = b""
            if not line:
                sys.exit(0)
            self.take(json.loads(line))

    def sample(self, name):
        """What a pin senses now."""
        if name in self._unseen:
            now_ms = time.ticks_ms()
            if self._unseen[name] is None:
                self._unseen[name] = now_ms
            elif time.ticks_diff(now_ms, self._unseen[name]) >= SEEN_AFTER_MS:
                del self._unseen[name]
                self.tell({"seen": name})
        return self.inputs.get(name)

    def take(self, message):
        """Let one message of the world happen."""
        if "loop" in message:
            self.inputs[message["loop"]] = message["on"]
            self._unseen[message["loop"]] = None
        elif "arm" in message:
            self.inputs["arm_up"] = message["arm"] == "up"
            self.inputs["arm_down"] = message["arm"] == "down"
        elif "field" in message:
            self.on_field(message["field"])
        elif "fault" in message:
            fault = message["fault"]
            if "wifi" in fault:
                self.has_network = fault["wifi"]
            self.on_fault(fault)


WORLD = World()
RESET_FILE = (os.getenv("CURB_FLASH") or "/tmp/curb-flash") + ".reset"  # noqa: S108


def take_reset_cause():
    """Why this process started: "soft", "watchdog", or "power_on" when nobody left a note."""
    try:
        with open(RESET_FILE) as file:
            cause = file.read()
        os.remove(RESET_FILE)
    except OSError:
        return "power_on"
    return cause


def leave_reset_cause(cause):
    """The note for the next start."""
    with open(RESET_FILE, "w") as file:
        file.write(cause)


def now_us():
    """The board's one clock for timing, in us; wraps like ticks_us."""
    return time.ticks_us()
