from typing import Final

ROOT: Final = "curb/v1"
SLUG_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789-"
SLUG_LENGTH_MIN: Final = 3
SLUG_LENGTH_MAX: Final = 32
TAP: Final = "up/tap"
EVENT: Final = "up/event"
ACK: Final = "up/ack"
LOG: Final = "up/log"
ONLINE: Final = "state/online"
REPORT: Final = "state/report"
COMMAND: Final = "down/cmd"
EVENT_ACK: Final = "down/ack"
DESIRED: Final = "down/desired"
LIST_PART: Final = "down/list/"
SITE_EVENTS: Final = "up/events"
SITE_REPORT: Final = "up/report"
SITE_ONLINE: Final = "state/online"
SITE_EVENTS_ACK: Final = "down/ack"
SITE_COMMAND: Final = "down/cmd"
SITE_DESIRED: Final = "down/desired"
SITE_RIGHTS: Final = "down/rights"

def is_slug(text: str) -> bool: ...
def gate(gate_id: str, leaf: str) -> str: ...
def site(site_id: str, leaf: str) -> str: ...
def parse(topic: str) -> tuple[str, str, str] | None: ...
