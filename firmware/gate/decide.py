"""The gate's own decision, for when the agent does not answer: from its list, or from policy.

The table itself is protocols/portable/access.py. A gate knows neither who is inside nor the last
counter of a card; agent and cloud look at those afterwards.
"""

from protocols.portable import access, codes


def policy(config):
    """The Lot a gate assumes before it ever had a list, from the `policy` of its configuration."""
    return access.Lot(
        config.get("state", codes.OPEN),
        config.get("walk_ups", codes.WALK_UPS_NONE),
        config.get("passback", codes.PASSBACK_OFF),
        config.get("level_min", 0),
        config.get("stale", codes.STALE_REFUSE),
    )


def decide(direction, vehicle, read, level, tag, now_s, packed, fallback):
    """What this gate says about a card by itself: (reason, mode, list version).

    tag: the tag key (macs.tag_key); now_s: wall time or None while the clock is unset.
    packed: the PackedList in force or None; fallback: the Lot to assume without one.
    """
    if packed is None:
        reason, _ = access.decide(
            direction, vehicle, read, level, None, (), now_s, fallback, None, True
        )
        return reason, codes.POLICY, 0
    stale = now_s is not None and now_s >= packed.expires_s
    reason, _ = access.decide(
        direction,
        vehicle,
        read,
        level,
        None,
        packed.rights(tag),
        now_s,
        packed.lot,
        None,
        stale,
    )
    return reason, (codes.POLICY if stale else codes.GATE_LIST), packed.version
