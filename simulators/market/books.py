"""What a simulated trader knows of its orders and holdings: told by the venue, update by update.

Orders count from the moment they are sent, so that a trader never does a thing twice while it waits
for the answer. Unknown orders (of an earlier run, or of a person using the key) are kept as well.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from simulators.market.view import TICKS_PER_DOLLAR, Cancel, OwnOrder, Place, Way

_ENDS = frozenset({"fill", "canceled", "expired", "rejected", "replaced"})
_FILLS = frozenset({"fill", "partial_fill"})


def ticks_of(price: object) -> int:
    """A price as the API writes it (text or a number), in ticks; 0 for none."""
    return 0 if price is None else int(Decimal(str(price)) * TICKS_PER_DOLLAR)


def price_text(price_ticks: int) -> str:
    """The price as the API reads it."""
    dollars, ticks = divmod(price_ticks, TICKS_PER_DOLLAR)
    return f"{dollars}.{ticks:04d}"


class Books:
    """One trader's working orders and units, by symbol."""

    def __init__(self) -> None:
        self._orders: dict[str, dict[str, OwnOrder]] = {}
        self._units: dict[str, int] = {}
        self._cancelling: set[str] = set()
        self.fills = 0

    def units(self, symbol: str) -> int:
        """Units held; below 0 when short."""
        return self._units.get(symbol, 0)

    def orders(self, symbol: str) -> tuple[OwnOrder, ...]:
        """Working orders, and those on their way; oldest first."""
        return tuple(self._orders.get(symbol, {}).values())

    def may_send(self, symbol: str, cancel: Cancel) -> bool:
        """Whether that order is there and nobody asked to cancel it yet; now somebody has."""
        if cancel.tag in self._cancelling or cancel.tag not in self._orders.get(symbol, {}):
            return False
        self._cancelling.add(cancel.tag)
        return True

    def sent(self, symbol: str, tag: str, place: Place, at_ms: int) -> None:
        """An order of ours is on its way."""
        order = OwnOrder(tag, place.way, place.price_ticks, place.units, at_ms)
        self._orders.setdefault(symbol, {})[tag] = order

    def refused(self, symbol: str, tag: str) -> None:
        """It was refused, so it is not there."""
        self._orders.get(symbol, {}).pop(tag, None)

    def kept(self, tag: str) -> None:
        """A cancel was refused, or lost: it may be asked for again."""
        self._cancelling.discard(tag)

    def heard(self, data: Mapping[str, Any], at_ms: int) -> None:
        """One trade update of the venue."""
        event, order = str(data["event"]), data["order"]
        symbol, tag = str(order["symbol"]), str(order["client_order_id"])
        if event in _FILLS:
            self.fills += 1
            self._units[symbol] = int(Decimal(str(data["position_qty"])))
        if event in _ENDS:
            self._cancelling.discard(tag)
            self._orders.get(symbol, {}).pop(tag, None)
        else:
            self._put(order, at_ms)

    def loaded(
        self,
        orders: Iterable[Mapping[str, Any]],
        positions: Iterable[Mapping[str, Any]],
        at_ms: int,
    ) -> None:
        """Begin again from what the venue says is open and held."""
        self._orders, self._cancelling = {}, set()
        for order in orders:
            self._put(order, at_ms)
        self._units = {each["symbol"]: int(Decimal(str(each["qty"]))) for each in positions}

    def _put(self, order: Mapping[str, Any], at_ms: int) -> None:
        tag = str(order["client_order_id"])
        orders = self._orders.setdefault(str(order["symbol"]), {})
        known = orders.get(tag)
        left = int(Decimal(str(order["qty"])) - Decimal(str(order.get("filled_qty") or 0)))
        if left > 0:
            since_ms = at_ms if known is None else known.placed_at_ms
            way, price = Way(order["side"]), ticks_of(order.get("limit_price"))
            orders[tag] = OwnOrder(tag, way, price, left, since_ms)
