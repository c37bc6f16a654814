"""What somebody set up for simulated traders: a venue, what they trade, and a key for each."""

from pathlib import Path

import msgspec

from simulators.market.strategies import Kind
from simulators.market.streams import Key


class StageTrader(msgspec.Struct, frozen=True, kw_only=True):
    """One account: how it trades, and its API key."""

    kind: Kind
    key_id: str
    secret: str


class MarketStage(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. base_url: http://host:port of the venue.

    symbols: what is traded, with the price in dollars to begin from where there was no trade yet.
    """

    base_url: str
    symbols: dict[str, str]
    traders: list[StageTrader]

    def key(self, trader: StageTrader) -> Key:
        """What that trader shows at the venue."""
        return Key(self.base_url, trader.key_id, trader.secret)


def read_market_stage(path: Path) -> MarketStage:
    """The stage that somebody wrote.

    Raises:
        FileNotFoundError: nobody did.
        msgspec.ValidationError: it is not one.
    """
    return msgspec.json.decode(path.read_bytes(), type=MarketStage)
