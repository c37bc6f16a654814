"""Plays a recorded session: its orders and cancels go in, its trades are what ours must equal.

The engine gets the resting orders of the beginning, every `received` order and every
`done/canceled`; a `match` is only ever written down. Two things the feed says of an order after
the fact are gathered from the messages up to that order's own `open` or `done`, since the venue
wrote an order's whole fate in one go: what its self-trade prevention took away (`change`,
`done/canceled` of others), and that it was killed unfilled (fill or kill, post only).

Where sequence numbers are missing, the recording and the venue it was made of differ. The gap is
named, and from then on orders that the feed knows and we do not (or the other way) are set right
as they show, so that the rest can still be compared. The same goes for the few orders that were
announced before the recording's first message and rest or trade after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from simulators.l3.recording import Message, Scale
from simulators.l3.venue import Trade, Venue


@dataclass
class Replay:
    """One session on one engine; `run` it, then look at the rest.

    gaps: (first, last) missing sequence numbers. set_right: orders mended.
    """

    scale: Scale
    venue: Venue = field(init=False)
    recorded: list[Trade] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    set_right: int = 0
    sequence: int = 0
    _announced: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.venue = Venue(self.scale)
        self.venue.open()

    def run(self, messages: Iterable[Message], until: int | None = None) -> None:
        """Replay all messages, or those up to a sequence number."""
        window: list[Message] = []
        for message in messages:
            if not message.get("time"):
                self.sequence = max(self.sequence, int(message["sequence"]))
                self._rest(message)
                continue
            number = int(message["sequence"])
            if number <= self.sequence:
                continue
            if until is not None and number > until:
                break
            if self._is_after_gap(number) or (window and message["type"] == "received"):
                # The rest of that order's fate is missing.
                self._play(window)
                window = []
            self.sequence = number
            window.append(message)
            if not _is_fate_open(window):
                self._play(window)
                window = []
        self._play(window)

    def _is_after_gap(self, number: int) -> bool:
        is_gap = number != self.sequence + 1 and self.sequence != 0
        if is_gap:
            self.gaps.append((self.sequence + 1, number - 1))
        return is_gap

    def _play(self, window: list[Message]) -> None:
        if not window:
            return
        first = window[0]
        if first["type"] != "received":
            for message in window:
                self._play_one(message)
            return
        name = first["order_id"]
        self._announced.add(name)
        # What its self-trade prevention took away was gone before the order went on.
        lost = Decimal(0)
        for message in window[1:]:
            if message["type"] == "change":
                if message.get("order_id") != name:
                    self._play_one(message)
                elif message.get("new_size") is not None:
                    lost += Decimal(message["old_size"]) - Decimal(message["new_size"])
            elif _is_cancel(message) and message["order_id"] != name:
                self.venue.cancel(message["order_id"])
        if not _is_killed(window):
            self._submit(first, lost)
        for message in window[1:]:
            if message["type"] in ("match", "done"):
                self._play_one(message)

    def _play_one(self, message: Message) -> None:
        kind = message["type"]
        if kind == "match":
            self._record(message)
        elif kind == "done":
            self._end(message)
        elif kind == "change":
            if message.get("new_size") is not None:
                self.venue.shrink(message["order_id"], Decimal(message["new_size"]))
        elif kind == "open" and not self.venue.knows(message["order_id"]):
            # It was announced before the recording began, or in a gap.
            self.set_right += 1
            self._rest(message)

    def _end(self, message: Message) -> None:
        name = message["order_id"]
        if message.get("reason") == "canceled":
            self.venue.cancel(name)
        elif self.gaps and self.venue.remaining(name) > 0:
            self.set_right += 1
            self.venue.cancel(name)

    def _record(self, message: Message) -> None:
        maker, taker = message["maker_order_id"], message["taker_order_id"]
        size = Decimal(message["size"])
        if taker not in self._announced:
            # It arrived before the recording began, or in a gap: this trade is not ours to make.
            self.set_right += 1
            self.venue.shrink(maker, self.venue.remaining(maker) - size)
            return
        self.recorded.append((maker, taker, Decimal(message["price"]), size))

    def _rest(self, message: Message) -> None:
        self.venue.limit(
            message["order_id"],
            message["side"],
            Decimal(message["price"]),
            Decimal(message["remaining_size"]),
        )

    def _submit(self, message: Message, lost: Decimal) -> None:
        name, side = message["order_id"], message["side"]
        size = message.get("size")
        left = None if size is None else Decimal(size) - lost
        if left is not None and left <= 0:
            return
        if message.get("order_type", "limit") == "limit":
            if left is None:
                raise KeyError("size")
            self.venue.limit(name, side, Decimal(message["price"]), left)
            return
        funds = message.get("funds")
        self.venue.market(name, side, left, None if funds is None else Decimal(funds))


def _is_fate_open(window: list[Message]) -> bool:
    """Whether the order that the first message announced still awaits its `open` or `done`."""
    first = window[0]
    if first["type"] != "received":
        return False
    return not any(
        one["type"] in ("open", "done") and one.get("order_id") == first["order_id"]
        for one in window[1:]
    )


def _is_cancel(message: Message) -> bool:
    return message["type"] == "done" and message.get("reason") == "canceled"


def _is_killed(window: list[Message]) -> bool:
    first, last = window[0], window[-1]
    return (
        _is_cancel(last)
        and last.get("order_id") == first["order_id"]
        and not any(one["type"] == "match" for one in window)
    )
