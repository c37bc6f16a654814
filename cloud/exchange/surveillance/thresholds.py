"""When a pattern is worth a person's time: every figure with its reason and its source.

No rule book gives numbers; regulators describe conduct. The figures are ours, chosen so that the
textbook case of each source fires and ordinary business does not (tests hold both), and meant to be
tuned to a market.

Sources:
    Commission Delegated Regulation (EU) 2016/522, Annex II, Section 1: practices that specify the
        indicators of manipulation (wash trades; layering and spoofing; momentum ignition).
    FINRA Rule 5210, Supplementary Material .02: self-trades; isolated ones of unrelated strategies
        are bona fide, a pattern or practice is not.
    CME Rule 534, wash trades prohibited.
    Commodity Exchange Act, section 4c(a)(5)(C), and CFTC, Antidisruptive Practices Authority,
        78 FR 31890 (2013): spoofing is bidding or offering with the intent to cancel.
    E. J. Lee, K. S. Eom, K. S. Park, Microstructure-based manipulation: Strategic behavior and
        performance of spoofing traders, Journal of Financial Markets 16 (2013), 227-252.
    SEC, Concept Release on Equity Market Structure, 34-61358 (2010): order initiation, momentum
        ignition. Credit Suisse AES, High Frequency Trading: Measurement, Detection and Response
        (2012): a run of trades, a price move, then the way back.
"""

from dataclasses import dataclass

from cloud.exchange.surveillance.findings import NS_PER_S

BPS = 10_000


@dataclass(frozen=True, slots=True)
class WashThresholds:
    """Trades without a change of owner.

    auction_share_bps: nobody arrives in an auction, so self-trade prevention cannot act there and
        small crosses are accidents; from this share of the auction's volume on they set its price.
    window_ns, trades_min: two accounts pass units to and fro this often in this time ...
    each_way_min: ... in both directions ...
    balance_bps: ... so that what went one way came back, to this share ...
    share_bps: ... and that was this share of what either of them traded there: a market maker
        trades with everybody, and two simulated noise traders, alone inside the spread, reached
        four fifths by chance ...
    gap_bps: ... at average prices no further apart: an honest taker pays the spread each time.
    """

    auction_share_bps: int = 2_000
    window_ns: int = 60 * NS_PER_S
    trades_min: int = 6
    each_way_min: int = 2
    balance_bps: int = 9_000
    share_bps: int = 9_500
    gap_bps: int = 5


@dataclass(frozen=True, slots=True)
class LayeringThresholds:
    """Showing what is not meant, to trade on the other side.

    fresh_ns: only orders shown at most so long before the fill can be bait; older ones are a book.
    lopsided: the account shows this many times more on the other side than it filled and shows on
        the side of the fill. A maker shows both sides, so its quotes never weigh that much.
    depth_share_bps: the bait's share of all that is shown on its side. Less than that deceives
        nobody: simulated noise traders reached a sixth by chance. (So bait close to the market
        hides behind a very deep book.)
    withdrawn_bps: the share of the bait the trader takes back ...
    withdraw_ns: ... so soon after the fill ...
    filled_bps: ... while at most this share of it was hit.
    layers: with this many orders one episode is enough (layering): nobody stacks prices by mistake.
    episodes, episodes_ns: with fewer (spoofing) it takes this many within this time, because anyone
        may change their mind once.
    """

    fresh_ns: int = 30 * NS_PER_S
    lopsided: int = 4
    depth_share_bps: int = 2_000
    withdrawn_bps: int = 8_000
    withdraw_ns: int = 5 * NS_PER_S
    filled_bps: int = 1_000
    layers: int = 3
    episodes: int = 3
    episodes_ns: int = 300 * NS_PER_S


@dataclass(frozen=True, slots=True)
class IgnitionThresholds:
    """Starting a move to trade against whoever follows it.

    window_ns, takes_min: an account takes this often in one direction within this time ...
    share_bps: ... this share of all that was taken in that direction: whoever follows others' run
        stays below it ...
    move_bps: ... while the price moves this far that way from where the window began ...
    reverse_ns: ... and then, so soon after its last take ...
    reversed_bps: ... trades this share of the run back, on average at a better price than it built
        it. Without the profit on the way back it is just a large order.
    """

    window_ns: int = 30 * NS_PER_S
    takes_min: int = 5
    share_bps: int = 4_000
    move_bps: int = 100
    reverse_ns: int = 60 * NS_PER_S
    reversed_bps: int = 5_000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All of them."""

    wash: WashThresholds = WashThresholds()
    layering: LayeringThresholds = LayeringThresholds()
    ignition: IgnitionThresholds = IgnitionThresholds()
