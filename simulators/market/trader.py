"""One simulated trader: a mind for each instrument, its books, and a name for each order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulators.market.books import Books
from simulators.market.strategies import Kind, Strategy, strategy_of
from simulators.market.view import Cancel, Place, View


@dataclass(frozen=True, slots=True)
class Seen:
    """What everybody sees of one instrument now; the fields are those of `View`."""

    reference_ticks: int
    bid_ticks: int
    ask_ticks: int
    last_ticks: int
    step_ticks: int


@dataclass(frozen=True, slots=True)
class Message:
    """One wish of one trader, ready to be sent. tag: the order's, new or named."""

    symbol: str
    tag: str
    place: Place | None


class Trader:
    """Decides for one account.

    run_name: of this run, part of every order's name: names are never used twice at a venue.
    """

    def __init__(self, kind: Kind, symbols: tuple[str, ...], *, seed: int, run_name: str) -> None:
        self.kind = kind
        self.books = Books()
        self._minds: Mapping[str, Strategy] = {
            symbol: strategy_of(kind, symbol, seed) for symbol in symbols
        }
        self._run_name = run_name
        self._number = 0

    def messages(self, symbol: str, seen: Seen, at_ms: int) -> Iterator[Message]:
        """What it wants to say about an instrument, one after the other.

        A message counts as sent when the next one is asked for; who does not send it stops asking.
        """
        view = View(
            at_ms=at_ms,
            reference_ticks=seen.reference_ticks,
            bid_ticks=seen.bid_ticks,
            ask_ticks=seen.ask_ticks,
            last_ticks=seen.last_ticks,
            step_ticks=seen.step_ticks,
            position_units=max(0, self.books.units(symbol)),
            orders=self.books.orders(symbol),
        )
        for wish in self._minds[symbol].decide(view):
            if isinstance(wish, Cancel):
                if self.books.may_send(symbol, wish):
                    yield Message(symbol, wish.tag, None)
            else:
                self._number += 1
                tag = f"{self._run_name}-{self._number}"
                self.books.sent(symbol, tag, wish, at_ms)
                yield Message(symbol, tag, wish)
