"""What this gate is: read once at start from the files that provisioning wrote.

The layout of the files is described in firmware/README.md.
"""

import binascii
import json

from firmware.gate.barrier import Timing
from firmware.gate.decide import policy
from protocols.portable import codes

CONFIG = "config.json"
IDENTITY = "identity.json"
PRIVATE_KEY = "key.pem"

# Keys of config.json that a `config` command may set, with the least and the most of a number.
REMOTE_NUMBERS = {
    "open_ms": (200, 20000),
    "close_after_ms": (100, 20000),
    "close_ms": (200, 20000),
    "hold_ms": (2000, 120000),
    "pulse_ms": (100, 5000),
    "outbox_bytes": (16384, 1048576),
}
REMOTE_SWITCHES = ("arm_switch",)


class Identity:
    """Who the gate is towards the site; made from protocols.enrolment.GateIdentity."""

    def __init__(self, fields, private_key_pem):
        """Take the decoded JSON and the text of the private key.

        Raises:
            KeyError, ValueError: the files are not what enrolment writes.
        """
        self.gate = fields["gate"]
        self.site = fields["site"]
        self.broker_host = fields["broker_host"]
        self.broker_port = fields["broker_port"]
        self.key = bytes.fromhex(fields["gate_key"])
        self.card_master_key = bytes.fromhex(fields["card_master_key"])
        self.certificate = der(fields["certificate_pem"])
        self.authority = der(fields["ca_pem"])
        self.private_key = der(private_key_pem)


class Settings:
    """The lane's configuration, defaults filled in."""

    def __init__(self, config):
        """Take the decoded config.json."""
        self.board = config.get("board", "")
        self.direction = codes.EXIT if config.get("direction") == "exit" else codes.ENTRY
        self.wifi_ssid = config.get("wifi_ssid", "")
        self.wifi_password = config.get("wifi_password", "")
        self.has_arm_switch = config.get("arm_switch", False)
        self.pulse_ms = config.get("pulse_ms", 300)
        self.outbox_bytes = config.get("outbox_bytes", 131072)
        self.made_at_ms = config.get("made_at_ms", 0)
        self.policy = policy(config.get("policy", {}))
        self.timing = Timing(
            config.get("open_ms", 1500),
            config.get("close_after_ms", 1000),
            config.get("close_ms", 1500),
            config.get("hold_ms", 12000),
        )


def read_identity(storage):
    """The Identity, or None while the gate is not enrolled."""
    fields = storage.read_json(IDENTITY)
    key = storage.read(PRIVATE_KEY)
    if not fields or key is None:
        return None
    try:
        return Identity(fields, key.decode())
    except (KeyError, ValueError, TypeError):
        return None


def changed_config(config, changes):
    """A copy of config with the changes of a `config` command, or None if one is not allowed."""
    changed = json.loads(json.dumps(config))
    for name, value in changes.items():
        if name in REMOTE_SWITCHES:
            if not isinstance(value, bool):
                return None
        else:
            least, most = REMOTE_NUMBERS.get(name, (1, 0))
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                return None
        changed[name] = value
    return changed


def der(pem):
    """The DER bytes of the first block of a PEM text.

    Raises:
        ValueError: there is no such block.
    """
    text = []
    inside = False
    for line in pem.splitlines():
        if line.startswith("-----BEGIN"):
            inside = True
        elif line.startswith("-----END"):
            return binascii.a2b_base64("".join(text))
        elif inside:
            text.append(line.strip())
    raise ValueError("not a PEM text")
