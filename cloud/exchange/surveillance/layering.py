"""Layering and spoofing: orders shown on one side to trade on the other, then taken back.

The detector keeps, for each account and instrument, what it shows now and which of its orders are
fresh. A fill on one side while much more is freshly shown on the other opens an episode; taking
that back unfilled closes it.
"""

from collections import deque

from cloud.exchange.surveillance.findings import EVIDENCE_MAX, Finding, OncePerBucket, Rule
from cloud.exchange.surveillance.tape import OTHER, WORDS
from cloud.exchange.surveillance.thresholds import BPS, LayeringThresholds
from trading.orders import BUY, SELL


class _Episode:
    """The account traded one side while it showed bait on the other."""

    __slots__ = (
        "at_ns",
        "bait_orders",
        "bait_units",
        "began_ns",
        "filled_units",
        "hit_units",
        "order_ids",
        "side",
        "taken_units",
        "trade_id",
    )

    def __init__(self, at_ns: int, began_ns: int, side: int, trade_id: int) -> None:
        self.at_ns = at_ns
        self.began_ns = began_ns
        self.side = side
        self.trade_id = trade_id
        self.bait_orders = 0
        self.bait_units = 0
        self.filled_units = 0
        self.hit_units = 0
        self.taken_units = 0
        self.order_ids: list[int] = []


class _Depth:
    """What everybody shows on one side of an instrument."""

    __slots__ = ("units",)

    def __init__(self) -> None:
        self.units = 0


class _Side:
    """What an account shows on one side: all of it, and the fresh orders, oldest first."""

    __slots__ = ("depth", "fresh", "fresh_units", "units")

    def __init__(self, depth: _Depth) -> None:
        self.depth = depth
        self.units = 0
        self.fresh: dict[int, tuple[int, int, int]] = {}
        """order id -> (shown at, units, price)"""
        self.fresh_units = 0

    def show(self, order_id: int, at_ns: int, units: int, price: int) -> None:
        self.units += units
        self.depth.units += units
        self.fresh_units += units
        self.fresh[order_id] = (at_ns, units, price)

    def hide(self, order_id: int, units: int) -> tuple[int, int, int] | None:
        """Take units off; gives what was fresh of the order before."""
        self.units -= units
        self.depth.units -= units
        before = self.fresh.pop(order_id, None)
        if before is not None:
            self.fresh_units -= before[1]
            if before[1] > units:
                self.fresh[order_id] = (before[0], before[1] - units, before[2])
                self.fresh_units += before[1] - units
        return before

    def forget_before(self, at_ns: int) -> None:
        # Partly filled orders move to the end of the dict: then older ones wait a little longer.
        while self.fresh:
            order_id = next(iter(self.fresh))
            shown_at, units, _ = self.fresh[order_id]
            if shown_at >= at_ns:
                return
            del self.fresh[order_id]
            self.fresh_units -= units


class _Book:
    """One account in one instrument."""

    __slots__ = ("episode", "past", "sides")

    def __init__(self, bids: _Depth, asks: _Depth) -> None:
        self.sides = {BUY: _Side(bids), SELL: _Side(asks)}
        self.episode: _Episode | None = None
        self.past: deque[_Episode] = deque()


class LayeringDetector:
    """Feed it what orders show, lose and trade, in order; it answers with what it finds."""

    def __init__(self, thresholds: LayeringThresholds) -> None:
        self._limits = thresholds
        self._once = OncePerBucket()
        self._books: dict[tuple[int, int], _Book] = {}
        self._depths: dict[int, tuple[_Depth, _Depth]] = {}
        self._shown: dict[int, int] = {}
        """order id -> visible units, negative for a sale: small, because all resting are here."""

    def shows(
        self,
        at_ns: int,
        account: int,
        instrument: int,
        order_id: int,
        *,
        side: int,
        units: int,
        price: int,
    ) -> None:
        """An order rests, or shows its next part, at the back of its queue."""
        self._hide(account, instrument, order_id, abs(self._shown.get(order_id, 0)))
        self._shown[order_id] = units if side == BUY else -units
        self._side(account, instrument, side).show(order_id, at_ns, units, price)

    def knows(self, account: int, instrument: int, order_id: int, side: int, units: int) -> None:
        """An order rests since before the stream began: part of the book, never bait."""
        self._shown[order_id] = units if side == BUY else -units
        book_side = self._side(account, instrument, side)
        book_side.units += units
        book_side.depth.units += units

    def trades(
        self,
        at_ns: int,
        account: int,
        instrument: int,
        order_id: int,
        *,
        side: int,
        units: int,
        trade_id: int,
        remaining_units: int,
        is_auction: bool,
    ) -> None:
        """An order of the account was filled, resting or arriving."""
        shown = abs(self._shown.get(order_id, 0))
        if shown:
            # An auction takes hidden units first.
            left = min(shown if is_auction else max(shown - units, 0), remaining_units)
            if left < shown:
                self._hide(account, instrument, order_id, shown - left)
        book = self._books.get((account, instrument))
        if book is None:
            return
        episode = self._open_episode(book, at_ns)
        if episode is not None and episode.side != side:
            episode.hit_units += units
        elif episode is not None:
            episode.filled_units += units
        else:
            self._begin(book, at_ns, side, units, trade_id)

    def withdraws(
        self,
        at_ns: int,
        sequence: int,
        account: int,
        instrument: int,
        order_id: int,
        units: int | None = None,
    ) -> Finding | None:
        """The trader takes an order back; of a reduced one, only so many units."""
        shown = self._shown.get(order_id, 0)
        if shown == 0:
            return None
        hidden = abs(shown) if units is None else min(units, abs(shown))
        before = self._hide(account, instrument, order_id, hidden)
        book = self._books[account, instrument]
        episode = self._open_episode(book, at_ns)
        side = BUY if shown > 0 else SELL
        if episode is None or before is None or side == episode.side or before[0] > episode.at_ns:
            return None
        episode.taken_units += hidden
        episode.order_ids.append(order_id)
        limits = self._limits
        if episode.taken_units * BPS < episode.bait_units * limits.withdrawn_bps:
            return None
        book.episode = None
        if (
            episode.hit_units * BPS > episode.bait_units * limits.filled_bps
            or episode.bait_units < limits.lopsided * episode.filled_units
        ):
            return None
        return self._judge(book, episode, at_ns, sequence, account, instrument)

    def ends(self, account: int, instrument: int, order_id: int) -> None:
        """An order left the book in another way."""
        self._hide(account, instrument, order_id, abs(self._shown.get(order_id, 0)))

    def shrinks(self, account: int, instrument: int, order_id: int, remaining_units: int) -> None:
        """The venue took units off an order; it shows no more than remains."""
        shown = abs(self._shown.get(order_id, 0))
        if shown > remaining_units:
            self._hide(account, instrument, order_id, shown - remaining_units)

    def moves(
        self,
        at_ns: int,
        sequence: int,
        account: int,
        instrument: int,
        order_id: int,
        *,
        price: int,
        visible_units: int,
    ) -> Finding | None:
        """The trader changed an order, which now shows so many units in its old place (or none).

        Fewer units, or a price further from the market, are taken back as by a cancel; a new
        place at a better price is none of that.
        """
        signed = self._shown.get(order_id, 0)
        if signed == 0:
            return None
        shown, is_buy = abs(signed), signed > 0
        entry = self._books[account, instrument].sides[BUY if is_buy else SELL].fresh.get(order_id)
        if visible_units:
            if visible_units >= shown:
                return None
            return self.withdraws(
                at_ns, sequence, account, instrument, order_id, shown - visible_units
            )
        if entry is not None and (price < entry[2] if is_buy else price > entry[2]):
            return self.withdraws(at_ns, sequence, account, instrument, order_id)
        self.ends(account, instrument, order_id)
        return None

    def shown(self) -> dict[int, int]:
        """Visible units of every resting order, negative for a sale."""
        return dict(self._shown)

    def _begin(self, book: _Book, at_ns: int, side: int, units: int, trade_id: int) -> None:
        bait, limits = book.sides[OTHER[side]], self._limits
        if bait.fresh_units < limits.lopsided * units:
            return
        bait.forget_before(at_ns - limits.fresh_ns)
        if (
            not bait.fresh
            or bait.fresh_units < limits.lopsided * (units + book.sides[side].units)
            or bait.fresh_units * BPS < bait.depth.units * limits.depth_share_bps
        ):
            return
        episode = _Episode(at_ns, next(iter(bait.fresh.values()))[0], side, trade_id)
        episode.bait_orders, episode.bait_units = len(bait.fresh), bait.fresh_units
        episode.filled_units = units
        book.episode = episode

    def _open_episode(self, book: _Book, at_ns: int) -> _Episode | None:
        episode = book.episode
        if episode is not None and at_ns - episode.at_ns > self._limits.withdraw_ns:
            book.episode = episode = None
        return episode

    def _judge(
        self,
        book: _Book,
        episode: _Episode,
        at_ns: int,
        sequence: int,
        account: int,
        instrument: int,
    ) -> Finding | None:
        limits, past = self._limits, book.past
        past.append(episode)
        while past[0].at_ns < at_ns - limits.episodes_ns or len(past) > EVIDENCE_MAX:
            past.popleft()
        if episode.bait_orders >= limits.layers:
            rule = Rule.LAYERING
        elif len(past) >= limits.episodes:
            rule = Rule.SPOOFING
        else:
            return None
        if not self._once.is_first(rule, account, instrument, at_ns):
            return None
        began = episode.began_ns if rule is Rule.LAYERING else past[0].began_ns
        return _finding(rule, account, instrument, sequence, began, at_ns, episode, len(past))

    def _side(self, account: int, instrument: int, side: int) -> _Side:
        book = self._books.get((account, instrument))
        if book is None:
            depths = self._depths.get(instrument)
            if depths is None:
                depths = self._depths[instrument] = (_Depth(), _Depth())
            book = self._books[account, instrument] = _Book(*depths)
        return book.sides[side]

    def _hide(
        self, account: int, instrument: int, order_id: int, units: int
    ) -> tuple[int, int, int] | None:
        shown = self._shown.pop(order_id, 0)
        if shown == 0:
            return None
        side = BUY if shown > 0 else SELL
        rest = abs(shown) - units
        if rest > 0:
            self._shown[order_id] = rest if side == BUY else -rest
        return self._books[account, instrument].sides[side].hide(order_id, units)


def _finding(
    rule: Rule,
    account: int,
    instrument: int,
    sequence: int,
    began_ns: int,
    at_ns: int,
    episode: _Episode,
    episodes: int,
) -> Finding:
    return Finding(
        rule,
        account,
        instrument,
        sequence,
        began_ns,
        at_ns,
        f"The account {WORDS[episode.side]} {episode.filled_units} units while it showed "
        f"{episode.bait_units} on the other side in {episode.bait_orders} orders, and took them "
        f"back within {(at_ns - episode.at_ns) // 1_000_000} ms.",
        trade_ids=(episode.trade_id,),
        order_ids=tuple(episode.order_ids[-EVIDENCE_MAX:]),
        figures={
            "filled_units": episode.filled_units,
            "bait_units": episode.bait_units,
            "bait_orders": episode.bait_orders,
            "withdrawn_units": episode.taken_units,
            "episodes": episodes,
        },
    )
