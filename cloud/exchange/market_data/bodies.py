"""What market data says, in Alpaca's words; streams and history share them.

A body lacks the time (`t`), which each language writes in its own way.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from cloud.exchange.market_data.adjusting import AS_TRADED, Adjusted
from cloud.exchange.market_data.listed import Listed
from trading.bars import Bar
from trading.instruments import CLOSED, Phase
from trading.market_data import (
    ADDED,
    CHANGED,
    REMOVED,
    InstrumentData,
    LevelChange,
    OrderChange,
    Status,
    Top,
    Trade,
)
from trading.orders import BUY, SELL
from trading.reasons import Reason

Body = dict[str, object]

EXCHANGE: Final = "A"
"""The tape's letter of the American, once the New York Curb; it stands for this venue."""
TAPE: Final = "B"
REGULAR: Final = ("@",)
CROSS: Final = ("X",)
QUOTE_CONDITIONS: Final = ("R",)
TAPE_OF_STATUSES: Final = "C"
"""The tape whose status codes these are (H, P, Q, T)."""

SIDE_LETTERS: Final = {BUY: "B", SELL: "S"}
CHANGE_LETTERS: Final = {ADDED: "a", CHANGED: "m", REMOVED: "d"}

_PHASES: Final[Mapping[int, tuple[str, str]]] = {
    Phase.CLOSED: ("C", "Closed"),
    Phase.OPENING_CALL: ("Q", "Opening Call"),
    Phase.CONTINUOUS: ("T", "Trading Resumption"),
    Phase.VOLATILITY_CALL: ("P", "Volatility Trading Pause"),
    Phase.CLOSING_CALL: ("Q", "Closing Call"),
    Phase.HALTED: ("H", "Trading Halt"),
}


def trade_body(listed: Listed, trade: Trade) -> Body:
    """A trade without its time. `tks`: who came to the other: buyer, seller, or nobody."""
    return {
        "i": trade.trade_id,
        "x": EXCHANGE,
        "p": listed.price(trade.price_ticks),
        "s": listed.size(trade.units),
        "c": list(CROSS if trade.is_auction else REGULAR),
        "z": TAPE,
        "tks": taker_letter(trade.taker_side, is_auction=trade.is_auction),
    }


def taker_letter(side: int, *, is_auction: bool) -> str:
    """B or S for the side of who came, - where an auction brought them together."""
    if is_auction:
        return "-"
    return {BUY: "B", SELL: "S"}[side]


def quote_body(listed: Listed, top: Top) -> Body:
    """Best bid and offer without their time; price and size 0 where a side is empty."""
    return quote_of(listed, top.bid_ticks, top.bid_units, top.ask_ticks, top.ask_units)


def quote_of(
    listed: Listed, bid_ticks: int, bid_units: int, ask_ticks: int, ask_units: int
) -> Body:
    """The same from its numbers."""
    return {
        "bx": EXCHANGE,
        "bp": listed.price(bid_ticks),
        "bs": listed.size(bid_units),
        "ax": EXCHANGE,
        "ap": listed.price(ask_ticks),
        "as": listed.size(ask_units),
        "c": list(QUOTE_CONDITIONS),
        "z": TAPE,
    }


def bar_body(listed: Listed, bar: Bar, adjusted: Adjusted = AS_TRADED) -> Body:
    """A bar without its beginning; units that are no whole ones any more are left out."""
    units = bar.units * adjusted.units.numerator // adjusted.units.denominator
    new, old = adjusted.price.as_integer_ratio()
    prices = (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
    body: Body = {
        key: listed.price(ticks) if new == old else listed.mean_price(ticks * new, old)
        for key, ticks in zip("ohlc", prices, strict=True)
    }
    return {
        **body,
        "v": listed.size(units),
        "n": bar.count,
        "vw": listed.mean_price(bar.value * new, bar.units * old),
    }


def book_body(listed: Listed, levels: Sequence[LevelChange]) -> Body:
    """What changed in the levels; size 0 is a level that is gone. n: how many orders."""
    sides: dict[int, list[dict[str, object]]] = {BUY: [], SELL: []}
    for one in levels:
        sides[one.side].append(
            {"p": listed.price(one.price_ticks), "s": listed.size(one.units), "n": one.count}
        )
    return {"b": sides[BUY], "a": sides[SELL], "r": False}


def book_snapshot_body(listed: Listed, data: InstrumentData, levels: int = 0) -> Body:
    """All levels, best first; or at most so many on each side."""
    found: Body = {"r": True}
    for key, side in (("b", data.book.bids), ("a", data.book.asks)):
        found[key] = [
            {"p": listed.price(one.price_ticks), "s": listed.size(one.units), "n": len(one.orders)}
            for one in side.best_first(levels)
        ]
    return found


EMPTY_BOOKS: Final[Mapping[str, Body]] = {
    "orderbooks": {"b": [], "a": [], "r": True},
    "bookOrders": {"c": [], "r": True},
}


def orders_body(listed: Listed, changes: Sequence[OrderChange]) -> Body:
    """What happened to the book's orders, in order."""
    return {
        "c": [
            [
                CHANGE_LETTERS[one.kind],
                one.order_id,
                SIDE_LETTERS[one.side],
                listed.price(one.price_ticks),
                listed.size(one.units),
            ]
            for one in changes
        ],
        "r": False,
    }


def orders_snapshot_body(listed: Listed, data: InstrumentData) -> Body:
    """All orders of the book, best price first, then who came first."""
    found = [
        [
            "a",
            one.order_id,
            SIDE_LETTERS[one.side],
            listed.price(one.price_ticks),
            listed.size(one.units),
        ]
        for side in (data.book.bids, data.book.asks)
        for level in side.best_first()
        for one in level.orders.values()
    ]
    return {"c": found, "r": True}


def phase_body(_: Listed, status: Status) -> Body:
    """A trading status, in the tape's codes where it has one; `phase` says it in our words."""
    code, message = _PHASES[status.phase]
    why = Reason(status.reason)
    return {
        "sc": code,
        "sm": message,
        "rc": "" if why == Reason.NONE else why.name,
        "rm": "" if why == Reason.NONE else why.name.replace("_", " ").capitalize(),
        "z": TAPE_OF_STATUSES,
        "phase": Phase(status.phase).name.lower(),
    }


def auction_body(listed: Listed, status: Status) -> Body:
    """The result of an auction: a status with its price and volume (0 where nothing crossed)."""
    phase = status.phase or CLOSED
    code, message = _PHASES[phase]
    return {
        "sc": code,
        "sm": message,
        "rc": "AUCTION",
        "rm": "Auction held",
        "z": TAPE_OF_STATUSES,
        "phase": Phase(phase).name.lower(),
        "auction": {"p": listed.price(status.price_ticks), "s": listed.size(status.units)},
    }


def band_body(listed: Listed, status: Status) -> Body:
    """Limit up and limit down; 0: no bound."""
    return {
        "u": listed.price(status.upper_ticks),
        "d": listed.price(status.lower_ticks),
        "i": "B",
        "z": TAPE_OF_STATUSES,
    }
