"""Every event of this gate: numbered here, durable here, and nowhere made twice."""

from firmware.link import codec
from protocols.portable import codes

# Never thinned: who was let in, who passed, who opened from afar.
_PROTECTED = (codes.PASSAGE, codes.BACKED_OUT, codes.TAILGATED, codes.OPENED)


class Journal:
    """Gives events their key (boot, seq) and puts them into the outbox."""

    def __init__(self, boot, outbox, clock, uptime_ms, on_event):
        """Take the boot's number; on_event() is called when there is something to send."""
        self.boot = boot
        self.outbox = outbox
        self._clock = clock
        self._uptime_ms = uptime_ms
        self._on_event = on_event
        self._seq = 0
        self._thinned = outbox.thinned
        self._lost = outbox.lost
        self.problem = None

    def add(self, kind, data):
        """Make an event durable; it may be sent at any time from now on."""
        self._store(kind, data)
        outbox = self.outbox
        if outbox.thinned != self._thinned or outbox.lost != self._lost:
            thinned, lost = outbox.thinned - self._thinned, outbox.lost - self._lost
            self._thinned, self._lost = outbox.thinned, outbox.lost
            self._store(codes.THINNED, {"thinned": thinned, "lost": lost})
            # The notice itself may have found no room.
            self._lost = outbox.lost
        self._on_event()

    def add_all(self, events):
        """Make (kind, data) pairs durable, in order."""
        for kind, data in events:
            self.add(kind, data)

    def _store(self, kind, data):
        payload = codec.event(
            self.boot,
            self._seq,
            self._clock.now_ms(),
            self._uptime_ms(),
            self._clock.quality(),
            kind,
            data,
        )
        protected = kind in _PROTECTED or (kind == codes.ACCESS and data["admit"])
        try:
            self.outbox.append(self.boot, self._seq, payload, protected)
            self.problem = None
        except OSError:
            # The lane goes on; the report says that the flash does not.
            self.problem = "flash"
        self._seq += 1
