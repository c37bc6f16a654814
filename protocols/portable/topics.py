"""Every MQTT topic, written once.

`gate/...` functions name topics on the site broker, `site/...` ones on the cloud broker. Ids are
slugs of 3 to 32 characters out of a-z, 0-9 and the hyphen, so they need no escaping anywhere.
"""

ROOT = "curb/v1"

SLUG_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
SLUG_LENGTH_MIN = 3
SLUG_LENGTH_MAX = 32

# What a gate publishes, below curb/v1/g/{gate}/.
TAP = "up/tap"
EVENT = "up/event"
ACK = "up/ack"
LOG = "up/log"
ONLINE = "state/online"
REPORT = "state/report"

# What the site's agent publishes to a gate.
COMMAND = "down/cmd"
EVENT_ACK = "down/ack"
DESIRED = "down/desired"
LIST_PART = "down/list/"

# What an agent publishes to the cloud, below curb/v1/s/{site}/, and hears from it.
SITE_EVENTS = "up/events"
SITE_REPORT = "up/report"
SITE_ONLINE = "state/online"
SITE_EVENTS_ACK = "down/ack"
SITE_COMMAND = "down/cmd"
SITE_DESIRED = "down/desired"
SITE_RIGHTS = "down/rights"


def is_slug(text):
    """Whether `text` can be the id of a site, lot or gate."""
    return SLUG_LENGTH_MIN <= len(text) <= SLUG_LENGTH_MAX and all(
        c in SLUG_CHARACTERS for c in text
    )


def gate(gate_id, leaf):
    """The topic `leaf` (a constant above) of one gate; `+` for every gate."""
    return ROOT + "/g/" + gate_id + "/" + leaf


def site(site_id, leaf):
    """The topic `leaf` (a constant above) of one site; `+` for every site."""
    return ROOT + "/s/" + site_id + "/" + leaf


def parse(topic):
    """Split a topic into (family, id, leaf): ("g", "elm-in-1", "up/tap"), or None if not ours."""
    parts = topic.split("/")
    if len(parts) < 6 or parts[0] != "curb" or parts[1] != "v1" or parts[2] not in ("g", "s"):
        return None
    return parts[2], parts[3], "/".join(parts[4:])
