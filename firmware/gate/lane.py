"""One lane: who may pass, who did, and who should not have.

A grant is one car's leave to pass, from a tap or a remote open. The safety loop lies below the
arm, so the car that first covers it after a grant uses that grant; a grant no car uses is
`backed_out` and consumes nothing; a car that covers it while the arm is not down and no grant is
left is `tailgated`.

What two loops cannot see, and nothing here promises: two cars whose gap is shorter than both loops
are one long car; a car that stops on the safety loop and reverses counts as passed.

Safe state: no pulse. The operator's hardware lowers the arm once the loops are clear; a pulse that
was given ends by the hardware timer. This holds for entries and exits alike: a car that is kept
waiting can tap again within a second, a car under a moving arm can not.
"""

from firmware.gate import barrier as arms
from firmware.gate.presence import DEBOUNCE_MS, PresenceLoop
from protocols.portable import codes

IDLE = "idle"
VEHICLE = "vehicle"
DECIDING = "deciding"
OPENING = "opening"
OPEN = "open"
PASSING = "passing"
CLOSING = "closing"
FAULT = "fault"
OUT_OF_SERVICE = "out_of_service"

# A motorcycle fits between the loops; a car that left them for longer has backed out.
BETWEEN_LOOPS_MS = 2000

_STRANGER = {}


class Lane:
    """The state of one lane. A grant is a dict: {"tap": n} or {"command": id}.

    `step` and `admit` return events as (kind, data), in the order they happened; data carries the
    grant and the direction (codes.ENTRY or EXIT). `arrivals` counts cars that drove up.
    """

    def __init__(self, direction, timing, debounce_ms=DEBOUNCE_MS):
        """Start with an empty lane; timing is a barrier.Timing."""
        self.direction = direction
        self.is_out_of_service = False
        self.is_deciding = False
        self.arrivals = 0
        self.barrier = arms.Barrier(timing)
        self._hold_ms = timing.hold_ms
        self._arming = PresenceLoop(debounce_ms)
        self._safety = PresenceLoop(debounce_ms)
        self._grant = None
        self._granted_ms = 0
        self._has_car = False  # a car that came for the grant is, or was, on the arming loop
        self._vacated_ms = None
        self._passing = None  # the grant of the car under the arm; _STRANGER if it has none
        self._has_cleared = False  # the tail of that car has left the arming loop
        self._last = {}
        self._fault = None
        self._was_up = False
        self._events = []

    @property
    def state(self):
        """The one word for the lane that reports and displays use."""
        if self.is_out_of_service:
            return OUT_OF_SERVICE
        if self.is_deciding:
            return DECIDING
        if self._passing is not None:
            return PASSING
        if self.barrier.fault:
            return FAULT
        if self.barrier.position == arms.OPENING:
            return OPENING
        if self._grant is not None:
            return OPEN
        if self.barrier.position != arms.DOWN:
            return CLOSING
        return VEHICLE if self._arming.present else IDLE

    @property
    def has_vehicle(self):
        """Whether a car stands on the arming loop."""
        return self._arming.present

    @property
    def is_busy(self):
        """Whether anything moves or waits, so that loops must be sampled fast."""
        return self._arming.present or self._safety.present or self.barrier.position != arms.DOWN

    @property
    def wants_card(self):
        """Whether a card shown now would be asked about: no car holds an unused grant."""
        if self.is_deciding:
            return False
        return self._grant is None or bool(self.barrier.fault)

    def admit(self, grant, now_ms):
        """Take a grant; returns (whether to pulse the relay, events).

        A tap needs a car and a lane in service. A remote open needs neither; while a grant is
        unused it opens once more for that one, so the car's passage stays with its tap.
        """
        is_tap = "tap" in grant
        if is_tap and (self.is_out_of_service or not self._arming.present):
            return False, []
        if is_tap or self._grant is None:
            if self._grant is not None:
                self._drop_grant()
            self._grant = grant
            self._has_car = self._arming.present
        self._granted_ms = now_ms
        self._vacated_ms = None
        self._was_up = False
        self.barrier.pulse(now_ms)
        if not is_tap:
            self._event(codes.OPENED, grant)
        return True, self._take_events()

    def step(self, arming, safety, arm, now_ms):
        """Take one sample of both loops and of the limit switches (None without them)."""
        came = self._arming.sample(arming, now_ms)
        under = self._safety.sample(safety, now_ms)
        self.barrier.sample(arm, self._safety.present, now_ms)
        if came == "arrived":
            self.arrivals += 1
            self._has_car = True
            self._vacated_ms = None
        elif came == "left":
            self._left_arming(now_ms)
        if under == "left":
            self._left_safety()
        if self._safety.present and self._passing is None:
            self._entered_safety(under == "arrived")
        self._watch_grant(now_ms)
        self._watch_fault()
        return self._take_events()

    def _left_arming(self, now_ms):
        if not self._safety.present:
            self._vacated_ms = now_ms
            return
        if self._grant is not None and self._passing is not None:
            # Bumper to bumper: the car with the new grant followed before the loop cleared.
            self._finish_passage()
            self._enter(self._grant)
            self._grant = None
        elif self._has_cleared and self._passing is not None:
            self._event(codes.TAILGATED, self._last)
        self._has_cleared = True

    def _entered_safety(self, is_new):
        if self._grant is not None:
            if self.barrier.position != arms.DOWN:
                self._enter(self._grant)
                self._grant = None
        elif is_new and self.barrier.position != arms.DOWN:
            self._event(codes.TAILGATED, self._last)
            self._enter(_STRANGER)

    def _enter(self, grant):
        self._passing = grant
        self._has_cleared = not self._arming.present
        if grant is not _STRANGER:
            self._last = grant

    def _left_safety(self):
        if self._passing is not None:
            self._finish_passage()
            self._passing = None

    def _finish_passage(self):
        if self._passing is not _STRANGER:
            self._event(codes.PASSAGE, self._passing)

    def _watch_grant(self, now_ms):
        if self._grant is None or self._passing is not None:
            return
        position = self.barrier.position
        self._was_up = self._was_up or position == arms.UP
        gone = (
            self._has_car
            and self._vacated_ms is not None
            and now_ms - self._vacated_ms >= BETWEEN_LOOPS_MS
        )
        if (
            gone
            or now_ms - self._granted_ms >= self._hold_ms
            or (self._was_up and position == arms.DOWN)
        ):
            self._drop_grant()
            self.barrier.give_up()

    def _drop_grant(self):
        self._last = self._grant
        self._event(codes.BACKED_OUT, self._grant)
        self._grant = None

    def _watch_fault(self):
        fault = self.barrier.fault
        if fault == self._fault:
            return
        if self._fault is not None:
            self._event(codes.RESTORED, {"code": self._fault})
        if fault is not None:
            self._event(codes.FAULT, {"code": fault})
        self._fault = fault

    def _event(self, kind, data):
        full = {"direction": self.direction}
        full.update(data)
        self._events.append((kind, full))

    def _take_events(self):
        events = self._events
        self._events = []
        return events
