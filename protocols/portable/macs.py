"""HMAC-SHA256 and sealed messages: how a gate knows who wrote an order to open.

A sealed message is `{"v": 1, "body": "<json text>", "mac": "<hex>"}`. The MAC covers a domain
prefix and the body text exactly as sent, so no side ever has to agree on a canonical JSON.
MicroPython has no `hmac` module, hence the few lines here.

Source: RFC 2104 (HMAC), checked against the vectors of RFC 4231 in the tests.
"""

import hashlib

BLOCK_BYTES = 64
MAC_BYTES = 32

# One prefix a purpose: a MAC made for one purpose never passes for another.
COMMAND = b"curb command 1\n"
RIGHTS = b"curb rights 1\n"
DESIRED = b"curb desired 1\n"
PACKED_LIST = b"curb packed list 1\n"
GATE_KEY = b"curb gate key 1\n"
CARD_KEY = b"curb card key 1\n"
TAG_KEY = b"curb tag 1\n"

TAG_KEY_BYTES = 7


class HmacSha256:
    """HMAC-SHA256 fed piece by piece, so that a large list needs no second copy in memory."""

    def __init__(self, key):
        """Start with a key (bytes of any length)."""
        if len(key) > BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        key = key + bytes(BLOCK_BYTES - len(key))
        self._inner = hashlib.sha256(bytes(b ^ 0x36 for b in key))
        self._outer = hashlib.sha256(bytes(b ^ 0x5C for b in key))

    def update(self, message):
        """Take in the next bytes (bytes or memoryview)."""
        self._inner.update(message)

    def digest(self):
        """The 32-byte MAC of all that was taken in; call it once."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def hmac_sha256(key, message):
    """The 32-byte HMAC-SHA256 of `message` under `key` (both bytes)."""
    mac = HmacSha256(key)
    mac.update(message)
    return mac.digest()


def same(a, b):
    """Whether two byte strings are equal, in a time that does not tell where they differ."""
    if len(a) != len(b):
        return False
    difference = 0
    for x, y in zip(a, b):  # noqa: B905 - MicroPython's zip has no strict
        difference |= x ^ y
    return difference == 0


def seal(key, domain, body):
    """The hex MAC that goes with `body` (text) for one purpose (a prefix above)."""
    return hmac_sha256(key, domain + body.encode()).hex()


def is_sealed(key, domain, body, mac):
    """Whether `mac` (hex text) is the one `seal` gives for this key, purpose and body."""
    return same(seal(key, domain, body).encode(), mac.encode())


def gate_key(site_key, gate):
    """The 32-byte key of one gate, derived from its site's key; `gate` is the gate's id (text)."""
    return hmac_sha256(site_key, GATE_KEY + gate.encode())


def card_key(card_master_key, uid):
    """The 32-byte key of one Level 1 card; `uid` is its 4, 7 or 10 bytes."""
    return hmac_sha256(card_master_key, CARD_KEY + uid)


def tag_key(uid):
    """The 7 bytes by which rights lists name a tag, whatever the length of its UID.

    It makes entries one size; it hides nothing, since a 4-byte UID can be tried out in minutes.
    """
    return hashlib.sha256(TAG_KEY + uid).digest()[:TAG_KEY_BYTES]
