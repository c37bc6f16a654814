"""The identity of a gate on its flash, as enrolment would leave it there."""

import json
from pathlib import Path
from typing import Any

import msgspec

from protocols.enrolment import GateIdentity
from protocols.portable import macs
from tests.support.certificates import TestAuthority

SITE = "elm-street"
SITE_KEY = bytes(range(32))
CARD_MASTER_KEY = bytes(range(100, 132))


def write_flash(
    flash: Path, authority: TestAuthority, gate: str, broker_port: int, **config: Any
) -> GateIdentity:
    """Make the files firmware/README.md describes; config goes into config.json."""
    flash.mkdir(parents=True, exist_ok=True)
    certificate, key = authority.issue(gate)
    identity = GateIdentity(
        gate=gate,
        site=SITE,
        certificate_pem=certificate.read_text(),
        ca_pem=authority.certificate.read_text(),
        gate_key=macs.gate_key(SITE_KEY, gate).hex(),
        card_master_key=CARD_MASTER_KEY.hex(),
        broker_host="127.0.0.1",
        broker_port=broker_port,
    )
    (flash / "identity.json").write_bytes(msgspec.json.encode(identity))
    (flash / "key.pem").write_text(key.read_text())
    full = {"direction": "entry", "board": "esp32", "arm_switch": True} | config
    (flash / "config.json").write_text(json.dumps(full))
    return identity
