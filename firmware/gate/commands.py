"""Orders from the agent: who wrote it, for whom, until when, and was it obeyed before.

A broken or hostile broker can drop, repeat, delay and invent messages. It cannot make the relay
move: the MAC needs the gate's key, the counter must rise, an `open` expires within 10 s by the
gate's own clock, an `answer` must name the very tap that waits.
"""

import json

from protocols.portable import codes, macs, version

_FIELDS = (
    ("id", str),
    ("device", str),
    ("op", str),
    ("issued_at_ms", int),
    ("expires_at_ms", int),
    ("counter", int),
    ("args", dict),
)


class Command:
    """A command whose MAC was right; fields as in protocols.site.CommandBody."""

    def __init__(self, body):
        """Take a decoded body with every field of its type."""
        self.id = body["id"]
        self.device = body["device"]
        self.op = body["op"]
        self.issued_at_ms = body["issued_at_ms"]
        self.expires_at_ms = body["expires_at_ms"]
        self.counter = body["counter"]
        self.args = body["args"]


class CommandRules:
    """Checks messages from `down/cmd`.

    `counter` is the last one obeyed: keep it on flash, raise it before acting. `pending` is the
    (boot, tap) that waits for an answer, or None.
    """

    def __init__(self, gate, key, counter):
        """Take the gate's id, its 32-byte key and the counter found on flash."""
        self._gate = gate
        self._key = key
        self.counter = counter
        self.pending = None

    def check(self, payload, now_ms, quality):
        """What a message amounts to: (result, Command or None).

        now_ms, quality: wall time (None while unset) and its codes.CLOCK_... quality.
        The result is codes.DONE when the command is to be obeyed, else the refusal; a Command is
        returned whenever the MAC was right.
        """
        result, body = self._unseal(payload)
        if body is None:
            return result, None
        command = Command(body)
        return self._judge(command, now_ms, quality), command

    def _unseal(self, payload):
        if len(payload) > version.GATE_MESSAGE_BYTES_MAX:
            return codes.REFUSED_MALFORMED, None
        envelope = _object(payload)
        if envelope is None:
            return codes.REFUSED_MALFORMED, None
        number = envelope.get("v")
        text = envelope.get("body")
        mac = envelope.get("mac")
        if not isinstance(number, int) or not isinstance(text, str) or not isinstance(mac, str):
            return codes.REFUSED_MALFORMED, None
        if number != version.VERSION:
            return codes.REFUSED_VERSION, None
        if not macs.is_sealed(self._key, macs.COMMAND, text, mac):
            return codes.REFUSED_MAC, None
        body = _object(text)
        if body is None:
            return codes.REFUSED_MALFORMED, None
        body.setdefault("args", {})
        for name, kind in _FIELDS:
            value = body.get(name)
            if not isinstance(value, kind) or isinstance(value, bool):
                return codes.REFUSED_MALFORMED, None
        return codes.DONE, body

    def _judge(self, command, now_ms, quality):
        if command.device != self._gate:
            return codes.REFUSED_DEVICE
        if command.op not in codes.OPS:
            return codes.REFUSED_OP
        if command.op == codes.OP_ANSWER:
            return self._judge_answer(command)
        if command.counter <= self.counter:
            return codes.REFUSED_REPLAY
        if command.op == codes.OP_TIME:
            # It cannot be checked against the clock it is to set; the counter keeps it in order.
            is_time = isinstance(command.args.get("now_ms"), int)
            return codes.DONE if is_time else codes.REFUSED_MALFORMED
        return self._judge_expiry(command, now_ms, quality)

    def _judge_answer(self, command):
        args = command.args
        if self.pending is None or (args.get("boot"), args.get("tap")) != self.pending:
            return codes.REFUSED_NOT_NOW
        if args.get("reason") not in codes.REASONS or not isinstance(args.get("mode"), str):
            return codes.REFUSED_MALFORMED
        return codes.DONE

    def _judge_expiry(self, command, now_ms, quality):
        if now_ms is None or quality == codes.CLOCK_UNSET:
            return codes.REFUSED_CLOCK
        if command.expires_at_ms <= now_ms:
            return codes.REFUSED_EXPIRED
        if command.op == codes.OP_OPEN:
            # However long its maker meant it to live: an `open` is never older than this.
            if command.expires_at_ms - now_ms > version.OPEN_EXPIRES_MS_MAX + CLOCK_SLACK_MS:
                return codes.REFUSED_EXPIRED
            if command.expires_at_ms - command.issued_at_ms > version.OPEN_EXPIRES_MS_MAX:
                return codes.REFUSED_MALFORMED
        return codes.DONE


# How far the agent's clock may be ahead of the gate's before an `open` looks forged.
CLOCK_SLACK_MS = 2000


def _object(text):
    """The JSON object in text or bytes, or None."""
    try:
        value = json.loads(text if isinstance(text, str) else bytes(text).decode())
    except (ValueError, UnicodeError, TypeError, RuntimeError):
        return None
    return value if isinstance(value, dict) else None
