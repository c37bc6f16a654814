"""Instruments by symbol or asset id, as the engine has them."""

from uuid import UUID

from cloud.exchange.public_ids import instrument_id_of
from cloud.exchange.sequencer import Sequencer
from cloud.kit.errors import MissingError
from trading.instruments import Instrument
from trading.live import Market


class Directory:
    """Finds markets of the sequencer's engine; symbols are remembered from one look to the next."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._by_symbol: dict[str, Market] = {}
        self._markets: dict[int, Market] | None = None
        self._known = -1

    def markets(self) -> dict[int, Market]:
        """Every market, by instrument id; not the caller's to change."""
        return self._sequencer.engine.venue.markets

    def by_symbol(self, symbol: str) -> Market | None:
        """The market of this symbol."""
        markets = self.markets()
        found = self._by_symbol.get(symbol)
        # A new engine after recovery, a listing, or an instrument that was given another symbol.
        is_stale = markets is not self._markets or len(markets) != self._known
        if is_stale or (found is not None and found.instrument.symbol != symbol):
            self._by_symbol = {market.instrument.symbol: market for market in markets.values()}
            self._markets, self._known = markets, len(markets)
            found = self._by_symbol.get(symbol)
        return found

    def by_id(self, instrument_id: int) -> Market | None:
        """The market of this instrument id."""
        return self.markets().get(instrument_id)

    def find(self, symbol_or_id: str) -> Market:
        """The market of a symbol or an asset id.

        Raises:
            MissingError: there is none.
        """
        found = self.by_symbol(symbol_or_id)
        if found is None and (number := _instrument_number(symbol_or_id)) is not None:
            found = self.by_id(number)
        if found is None:
            raise MissingError(f"asset not found for {symbol_or_id[:32]}")
        return found

    def instrument(self, instrument_id: int) -> Instrument:
        """An instrument that a row names, so that must be listed."""
        found = self.by_id(instrument_id)
        assert found is not None, f"instrument {instrument_id} has rows but is not listed"
        return found.instrument


def _instrument_number(text: str) -> int | None:
    try:
        return instrument_id_of(UUID(text))
    except ValueError:
        return None
