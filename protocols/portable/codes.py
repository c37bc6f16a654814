"""Stable codes that travel on the wire and stand in logs, with the sentence a driver reads.

A code is never renamed or reused: reports of years ago must keep their meaning.
"""

# Which way a lane leads.
ENTRY = 1
EXIT = 2

# What the reader saw.
READ_OK = 0
READ_NOTHING = 1
READ_UNREADABLE = 2
READ_TWO_CARDS = 3

# What kind of right a tag has.
KNOWN = 0  # registered, nothing booked: a walk-up whose wallet we know
BOOKING = 1
PERMIT = 2
STAFF = 3

# State of a lot.
OPEN = 0
FULL = 1
CLOSED = 2  # staff only
CLOSED_TO_ALL = 3

# Whom a lot admits without a booking.
WALK_UPS_NONE = 0
WALK_UPS_KNOWN = 1
WALK_UPS_ALL = 2

# Anti-passback: no second entry before an exit.
PASSBACK_OFF = 0
PASSBACK_SOFT = 1  # let in, report
PASSBACK_HARD = 2  # refuse

# What a lot does once the list is older than its max_age.
STALE_REFUSE = 0
STALE_KNOWN = 1  # go on trusting the list
STALE_OPEN = 2  # let everybody in

# Who decided.
ONLINE = "online"
AGENT = "agent"
GATE_LIST = "gate_list"
POLICY = "policy"

# How far a clock can be trusted.
CLOCK_SET = "set"  # set by a signed time within the last day
CLOCK_DRIFTING = "drifting"  # set once, more than a day ago or before a power cut
CLOCK_UNSET = "unset"

# Kinds of event; the fields each carries are in gate.py and site.py.
BOOT = "boot"
ACCESS = "access"
PASSAGE = "passage"
BACKED_OUT = "backed_out"
TAILGATED = "tailgated"
OPENED = "opened"
FAULT = "fault"
RESTORED = "restored"
COMMAND = "command"
LIST = "list"
READER = "reader"
THINNED = "thinned"
COPIED_CARD = "copied_card"
GATE_ONLINE = "gate_online"
GATE_OFFLINE = "gate_offline"
CLOCK = "clock"
QUARANTINED = "quarantined"

EVENT_KINDS = (
    BOOT,
    ACCESS,
    PASSAGE,
    BACKED_OUT,
    TAILGATED,
    OPENED,
    FAULT,
    RESTORED,
    COMMAND,
    LIST,
    READER,
    THINNED,
    COPIED_CARD,
    GATE_ONLINE,
    GATE_OFFLINE,
    CLOCK,
    QUARANTINED,
)

# Operations of a command, and how one ended.
OP_ANSWER = "answer"
OP_OPEN = "open"
OP_TIME = "time"
OP_CONFIG = "config"
OP_REBOOT = "reboot"
OP_OUT_OF_SERVICE = "out_of_service"
OPS = (OP_ANSWER, OP_OPEN, OP_TIME, OP_CONFIG, OP_REBOOT, OP_OUT_OF_SERVICE)

DONE = "done"
REFUSED_MAC = "bad_mac"
REFUSED_DEVICE = "foreign_device"
REFUSED_EXPIRED = "expired"
REFUSED_REPLAY = "replayed"
REFUSED_MALFORMED = "malformed"
REFUSED_VERSION = "wrong_version"
REFUSED_OP = "unknown_op"
REFUSED_NOT_NOW = "not_now"  # nothing waits for it, or the lane is in a state that forbids it
REFUSED_CLOCK = "clock_unset"

# Reasons of an access decision: code -> (admits, sentence for the driver's display).
RIGHT_VALID = "right_valid"
WALK_UP = "walk_up"
PASSBACK_REPORTED = "passback_reported"
POLICY_OPEN = "policy_open"
EXIT_VALID = "exit_valid"
EXIT_DEBT = "exit_debt"
NO_VEHICLE = "no_vehicle"
NO_CARD = "no_card"
UNREADABLE = "unreadable"
TWO_CARDS = "two_cards"
BLOCKED = "blocked"
LEVEL_TOO_LOW = "level_too_low"
COPY_SUSPECTED = "copy_suspected"
UNKNOWN_TAG = "unknown_tag"
NO_BOOKING = "no_booking"
WRONG_LOT = "wrong_lot"
WRONG_DIRECTION = "wrong_direction"
TOO_EARLY = "too_early"
EXPIRED = "expired"
PASSBACK = "passback"
LOT_FULL = "lot_full"
LOT_CLOSED = "lot_closed"
LIST_STALE = "list_stale"
LOG_FULL = "log_full"
OUT_OF_SERVICE = "out_of_service"

REASONS = {
    RIGHT_VALID: (True, "Welcome. Please drive in."),
    WALK_UP: (True, "Welcome. Your stay starts now."),
    PASSBACK_REPORTED: (True, "Welcome. This card was already inside; the operator is told."),
    POLICY_OPEN: (True, "Please drive through. We could not check your card."),
    EXIT_VALID: (True, "Goodbye. Drive safely."),
    EXIT_DEBT: (True, "Goodbye. Your stay will be billed later."),
    NO_VEHICLE: (False, "Please drive up to the barrier first."),
    NO_CARD: (False, "Please hold your card to the reader."),
    UNREADABLE: (False, "Card not readable. Hold it still on the reader."),
    TWO_CARDS: (False, "Two cards seen. Please hold up only one."),
    BLOCKED: (False, "This card is blocked. Please call the operator."),
    LEVEL_TOO_LOW: (False, "Secured card expected. Hold it still, or call the operator."),
    COPY_SUSPECTED: (False, "This card was used elsewhere. Please call the operator."),
    UNKNOWN_TAG: (False, "Card not known here. Please book or call the operator."),
    NO_BOOKING: (False, "No booking for now. Please book first."),
    WRONG_LOT: (False, "Your booking is for another car park."),
    WRONG_DIRECTION: (False, "Your card is not valid for this lane."),
    TOO_EARLY: (False, "Your booking has not started yet."),
    EXPIRED: (False, "Your booking has ended."),
    PASSBACK: (False, "This card is already inside."),
    LOT_FULL: (False, "Sorry, the car park is full."),
    LOT_CLOSED: (False, "Sorry, the car park is closed."),
    LIST_STALE: (False, "We cannot check cards right now. Please call the operator."),
    LOG_FULL: (False, "This lane cannot take more cars. Please use another."),
    OUT_OF_SERVICE: (False, "This lane is out of service. Please use another."),
}


def is_admitted(reason):
    """Whether a reason code lets the car through."""
    return REASONS[reason][0]


def sentence(reason):
    """What the driver reads for a reason code."""
    return REASONS[reason][1]
