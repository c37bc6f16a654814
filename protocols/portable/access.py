"""The access decision, written once; gate, edge agent and cloud call it with what each knows.

Order: vehicle present -> card readable -> tag not blocked -> card level -> right for this lot and
direction -> inside its window (grace included) -> anti-passback -> lot state -> admit. What a
decider does not know it passes as None, and that step is passed over: the cloud checks again later.

An exit never traps a car: whatever is wrong with the right, the barrier opens and the stay gets a
debt. Only "no car", "no card" and "cannot read that" ask the driver to try again.

The cases are in protocols/examples/access_decisions.json; the tests of all three deciders read it.
"""

from protocols.portable import codes

# A right, as the deciders pass it: (flags, from_s, until_s), grace included, seconds since 1970,
# `until_s` exclusive. The low two bits of the flags are its kind (codes.KNOWN to codes.STAFF).
KIND_MASK = 0x03
FLAG_ENTRY = 0x04
FLAG_EXIT = 0x08
FLAG_BLOCKED = 0x10
FLAG_OTHER_LOT = 0x20
# The card this right was given to is a Level 1 card: its bare UID is somebody else's copy.
FLAG_SECURED = 0x40

FOREVER_S = 0xFFFFFFFF


class Lot:
    """What a decider knows about the lot of a lane; the attributes are `codes` constants."""

    def __init__(
        self,
        state=codes.OPEN,
        walk_ups=codes.WALK_UPS_NONE,
        passback=codes.PASSBACK_OFF,
        level_min=0,
        stale=codes.STALE_KNOWN,
    ):
        """Take the policy fields; free spaces are folded into `state` by whoever counts cars."""
        self.state = state
        self.walk_ups = walk_ups
        self.passback = passback
        self.level_min = level_min
        self.stale = stale


def decide(direction, vehicle, read, level, copied, rights, now_s, lot, inside, stale):
    """The reason code (codes.REASONS) for a card at a lane, and the index of the right used.

    direction: codes.ENTRY or codes.EXIT, of the lane.
    vehicle: whether a car stands on the arming loop.
    read: a codes.READ_... value; the rest is ignored unless it is READ_OK.
    level: 0 for a bare UID, 1 when the card proved its key and counter.
    copied: True when the card's counter is behind the last one seen, None if unknown.
    rights: the (flags, from_s, until_s) of this tag, in the order they start; empty for an unknown
        tag.
    now_s: wall time in seconds, or None if the clock is unset (windows then count as open).
    lot: a Lot.
    inside: True or False as the anti-passback record says, None if unknown.
    stale: whether the list behind `rights` is past its max_age.
    Returns (reason, index into rights or -1).
    """
    if not vehicle:
        return codes.NO_VEHICLE, -1
    if read == codes.READ_NOTHING:
        return codes.NO_CARD, -1
    if read == codes.READ_UNREADABLE:
        return codes.UNREADABLE, -1
    if read == codes.READ_TWO_CARDS:
        return codes.TWO_CARDS, -1
    if direction == codes.EXIT:
        return _decide_exit(level, copied, rights, now_s, lot)
    return _decide_entry(level, copied, rights, now_s, lot, inside, stale)


def _decide_exit(level, copied, rights, now_s, lot):
    for flags, _, _ in rights:
        if flags & FLAG_BLOCKED:
            return codes.EXIT_DEBT, -1
    if level < _level_min(rights, lot) or copied:
        return codes.EXIT_DEBT, -1
    index, problem = _best_right(codes.EXIT, rights, now_s)
    if problem is None or problem == codes.EXPIRED:
        # Overstaying is a matter of price, settled at the exit like any other stay.
        return codes.EXIT_VALID, index
    return codes.EXIT_DEBT, -1


def _decide_entry(level, copied, rights, now_s, lot, inside, stale):
    for flags, _, _ in rights:
        if flags & FLAG_BLOCKED:
            return codes.BLOCKED, -1
    if lot.state == codes.CLOSED_TO_ALL:
        return codes.LOT_CLOSED, -1
    if stale and lot.stale == codes.STALE_REFUSE:
        return codes.LIST_STALE, -1
    if stale and lot.stale == codes.STALE_OPEN:
        return codes.POLICY_OPEN, -1
    if level < _level_min(rights, lot):
        return codes.LEVEL_TOO_LOW, -1
    if copied:
        return codes.COPY_SUSPECTED, -1
    index, problem = _best_right(codes.ENTRY, rights, now_s)
    if problem is not None:
        index = -1
    kind = codes.KNOWN if index < 0 else rights[index][0] & KIND_MASK
    walk_up = kind == codes.KNOWN
    if walk_up:
        refusal = _walk_up_refusal(problem, rights, lot)
        if refusal is not None:
            return refusal, -1
    if inside and lot.passback == codes.PASSBACK_HARD:
        return codes.PASSBACK, index
    if lot.state == codes.CLOSED and kind != codes.STAFF:
        return codes.LOT_CLOSED, index
    if walk_up and lot.state == codes.FULL:
        return codes.LOT_FULL, -1
    if inside and lot.passback == codes.PASSBACK_SOFT:
        return codes.PASSBACK_REPORTED, index
    return (codes.WALK_UP if walk_up else codes.RIGHT_VALID), index


def _level_min(rights, lot):
    """The level a card must prove: the lot's, or more if it is known to be secured."""
    for flags, _, _ in rights:
        if flags & FLAG_SECURED:
            return max(1, lot.level_min)
    return lot.level_min


def _walk_up_refusal(problem, rights, lot):
    """Why a tag without a usable right may not come in as a walk-up, or None if it may."""
    if lot.walk_ups == codes.WALK_UPS_ALL:
        return None
    if lot.walk_ups == codes.WALK_UPS_KNOWN and rights:
        return None
    return problem or codes.NO_BOOKING


# From least to most helpful to a driver whose several rights all fail.
_PROBLEMS = (
    codes.UNKNOWN_TAG,
    codes.WRONG_LOT,
    codes.WRONG_DIRECTION,
    codes.EXPIRED,
    codes.TOO_EARLY,
)


def _best_right(direction, rights, now_s):
    """The right to use as (index, None), or (-1 or the expired one, the most helpful problem)."""
    way = FLAG_ENTRY if direction == codes.ENTRY else FLAG_EXIT
    best, best_kind = -1, -1
    rank, expired = 0, -1
    for index in range(len(rights)):
        flags, from_s, until_s = rights[index]
        if flags & FLAG_OTHER_LOT:
            rank = max(rank, 1)
        elif not flags & way:
            rank = max(rank, 2)
        elif now_s is not None and now_s >= until_s:
            rank = max(rank, 3)
            expired = index
        elif now_s is not None and now_s < from_s:
            rank = max(rank, 4)
        elif flags & KIND_MASK > best_kind:
            best, best_kind = index, flags & KIND_MASK
    if best >= 0:
        return best, None
    return expired, _PROBLEMS[rank]
