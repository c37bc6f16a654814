"""Every portfolio as it is committed, in memory: what streams, pages and the equity curve show.

The engine runs ahead of the database by up to one batch; what is shown must not. So this is copied
from the engine when the process begins to lead, and then follows the committed batches. Where that
breaks it is copied again, and shown when what was copied is committed (`restarting.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cloud.exchange.restarting import Restarting, follow_batches
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.wishes import CommittedBatch, ExchangeUnavailable
from trading import Engine, events
from trading.event_base import Event
from trading.events import MoveCause
from trading.instruments import Instrument, instrument_of, notional_floor
from trading.orders import PRICE_TICKS_MAX


@dataclass(slots=True)
class LiveMarket:
    """An instrument and its mark: the last trade's price, at first the reference."""

    instrument: Instrument
    mark_ticks: int
    marked_at_ns: int = 0

    def value_of(self, units: int) -> int:
        """The money these units are worth at the mark; negative for a short position."""
        value = notional_floor(self.instrument, self.mark_ticks, abs(units))
        return value if units >= 0 else -value


@dataclass(slots=True)
class LivePosition:
    """See `trading.events.PositionChanged`."""

    units: int
    settled_units: int
    held_units: int
    cost: int
    realised: int
    realised_fifo: int


@dataclass(slots=True)
class LivePortfolio:
    """See `trading.events.BalanceChanged`.

    flows: what came in less what went out since the portfolio was opened, units at their mark.
    day_equity, day_flows: the equity and flows that the day began with.
    """

    portfolio_id: int
    account_id: int
    cash: int = 0
    settled_cash: int = 0
    held_cash: int = 0
    fees: int = 0
    realised: int = 0
    changed_sequence: int = 0
    changed_at_ns: int = 0
    flows: int = 0
    day_equity: int = 0
    day_flows: int = 0
    positions: dict[int, LivePosition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LivePicture:
    """All of them after a certain command, copied from an engine; see `picture_of`."""

    engine: Engine
    sequence: int
    day: int
    markets: dict[int, LiveMarket]
    portfolios: dict[int, LivePortfolio]


def picture_of(engine: Engine) -> LivePicture:
    """Everything as the engine has it now. Flows count from here on."""
    venue = engine.venue
    markets = {
        number: LiveMarket(market.instrument, market.last_ticks)
        for number, market in venue.markets.items()
    }
    portfolios = {}
    for number, one in venue.portfolios.items():
        portfolio = LivePortfolio(number, one.account_id, one.cash)
        portfolio.settled_cash = one.cash - one.pending_cash
        portfolio.held_cash, portfolio.fees = one.held_cash, one.fees
        portfolio.realised = one.realised
        portfolio.changed_sequence, portfolio.changed_at_ns = engine.sequence, venue.at_ns
        portfolio.day_equity, portfolio.day_flows = one.day_start_equity, -one.moved_today
        for instrument_id, position in one.positions.items():
            portfolio.positions[instrument_id] = LivePosition(
                position.units,
                position.units - position.pending_units,
                position.held,
                position.cost,
                position.realised,
                position.realised_fifo,
            )
        portfolios[number] = portfolio
    return LivePicture(engine, engine.sequence, venue.day, markets, portfolios)


# Most events are none of these, and are passed over before they are looked at one by one.
_FOLLOWED: Final = frozenset(
    (
        events.OrderFilled,
        events.BalanceChanged,
        events.PositionChanged,
        events.CashMoved,
        events.UnitsMoved,
        events.PortfolioOpened,
        events.InstrumentListed,
        events.UnitsSplit,
        events.DayAdvanced,
    )
)

Touched = Callable[[CommittedBatch, "set[int]", "set[int]"], None]
"""Told after each batch: portfolios that changed, instruments whose mark did."""
LiveListener = Restarting[CommittedBatch, "set[int]", "set[int]"]


class LivePortfolios:
    """All of them; `begin` it where the process begins to lead, then `apply` every batch.

    sequence: the last command that is in it. since: the one behind which flows count.
    """

    def __init__(self) -> None:
        self._engine = Engine()
        self._portfolios: dict[int, LivePortfolio] = {}
        self._markets: dict[int, LiveMarket] = {}
        self._is_open = False
        self._listeners: list[LiveListener] = []
        self.sequence = 0
        self.since = 0
        self.day = 0

    @property
    def portfolios(self) -> dict[int, LivePortfolio]:
        """By number.

        Raises:
            ExchangeUnavailable: they begin anew, and are not known for a moment.
        """
        self._require_open()
        return self._portfolios

    @property
    def markets(self) -> dict[int, LiveMarket]:
        """By the instrument's number. Raises as `portfolios`."""
        self._require_open()
        return self._markets

    def join(self, sequencer: Sequencer) -> None:
        """Follow the sequencer of this process from its next lead on."""
        follow_batches(
            sequencer,
            "portfolios",
            self.apply,
            copy=picture_of,
            begin=self.begin,
            close=self.close,
        )

    def follow(
        self,
        name: str,
        hear: Touched,
        *,
        begin: Callable[[], None] = lambda: None,
        close: Callable[[], None] = lambda: None,
    ) -> LiveListener:
        """Have a listener told of each batch once it is in the picture.

        begin: begins from this picture, as it is now: whenever the picture begins, and where the
            listener broke. close: see `Restarting`.
        """

        def begin_anew() -> bool:
            if self._is_open:
                begin()
            return self._is_open

        listener = Restarting(name, hear, begin_anew=begin_anew, close=close)
        self._listeners.append(listener)
        if self._is_open:
            listener.begin()
        return listener

    def close(self) -> None:
        """Nobody may read from it any more, until it has begun anew."""
        self._is_open = False

    def start(self, engine: Engine) -> None:
        """Begin from the engine, whose every command is committed."""
        self.begin(picture_of(engine))

    def begin(self, picture: LivePicture) -> None:
        """Go on from there; the picture is its own from here on."""
        self._engine = picture.engine
        self.sequence = self.since = picture.sequence
        self.day = picture.day
        self._markets, self._portfolios = picture.markets, picture.portfolios
        self._is_open = True
        for listener in self._listeners:
            listener.begin()

    def apply(self, batch: CommittedBatch) -> None:
        """Follow a batch, then tell the listeners whom it touched."""
        touched: set[int] = set()
        marked: set[int] = set()
        for found in batch.events:
            for event in found:
                if type(event) in _FOLLOWED:
                    self._apply(event, batch.at_ns, touched, marked)
        self.sequence = batch.last_sequence
        for listener in self._listeners:
            listener(batch, touched, marked)

    def _require_open(self) -> None:
        if not self._is_open:
            raise ExchangeUnavailable("Portfolios are read anew in this moment; ask again.")

    def _apply(self, event: Event, at_ns: int, touched: set[int], marked: set[int]) -> None:
        match event:
            case events.OrderFilled():
                market = self._markets[event.instrument_id]
                if market.mark_ticks != event.price_ticks:
                    marked.add(event.instrument_id)
                market.mark_ticks, market.marked_at_ns = event.price_ticks, at_ns
            case events.BalanceChanged():
                portfolio = self._portfolios[event.portfolio_id]
                portfolio.cash, portfolio.settled_cash = event.cash, event.settled_cash
                portfolio.held_cash, portfolio.fees = event.held_cash, event.fees
                portfolio.realised = event.realised
                self._touch(portfolio, event.sequence, at_ns, touched)
            case events.PositionChanged():
                portfolio = self._portfolios[event.portfolio_id]
                portfolio.positions[event.instrument_id] = LivePosition(
                    event.units,
                    event.settled_units,
                    event.held_units,
                    event.cost,
                    event.realised,
                    event.realised_fifo,
                )
                self._touch(portfolio, event.sequence, at_ns, touched)
            case events.CashMoved() | events.UnitsMoved():
                self._flow(event)
            case events.PortfolioOpened():
                self._portfolios[event.portfolio_id] = LivePortfolio(
                    event.portfolio_id, event.account_id
                )
                touched.add(event.portfolio_id)
            case events.InstrumentListed() | events.UnitsSplit():
                self._list(event, marked)
            case events.DayAdvanced():
                self._begin_day(event.day)
            case _:
                pass

    def _touch(
        self, portfolio: LivePortfolio, sequence: int, at_ns: int, touched: set[int]
    ) -> None:
        portfolio.changed_sequence, portfolio.changed_at_ns = sequence, at_ns
        touched.add(portfolio.portfolio_id)

    def _flow(self, event: events.CashMoved | events.UnitsMoved) -> None:
        """Dividends and paid-out fractions are earned, not brought."""
        portfolio = self._portfolios[event.portfolio_id]
        if isinstance(event, events.UnitsMoved):
            portfolio.flows += self._markets[event.instrument_id].value_of(event.units)
        elif event.cause not in (MoveCause.DIVIDEND, MoveCause.SPLIT_FRACTION):
            portfolio.flows += event.amount

    def _list(self, event: events.InstrumentListed | events.UnitsSplit, marked: set[int]) -> None:
        marked.add(event.instrument_id)
        known = self._markets.get(event.instrument_id)
        if isinstance(event, events.UnitsSplit):
            assert known is not None, "what is not listed was split"
            known.mark_ticks = split_price(
                known.instrument, known.mark_ticks, event.numerator, event.denominator
            )
            return
        one = instrument_of(event.parameters)
        if known is None:
            self._markets[event.instrument_id] = LiveMarket(one, one.reference_ticks)
        else:
            known.instrument = one

    def _begin_day(self, day: int) -> None:
        """Balances come behind the batch's other events, so only the engine knows its equity then.

        It may be a batch ahead, but hardly a day.
        """
        self.day = day
        theirs = self._engine.venue.portfolios
        for number, portfolio in self._portfolios.items():
            portfolio.day_equity = theirs[number].day_start_equity
            portfolio.day_flows = portfolio.flows

    def equity(self, portfolio: LivePortfolio) -> int:
        """Cash and positions at the marks."""
        return portfolio.cash + sum(value for _, _, value in self.valued(portfolio))

    def day_profit(self, portfolio: LivePortfolio) -> int:
        """What was made since the day began, flows apart."""
        flowed = portfolio.flows - portfolio.day_flows
        return self.equity(portfolio) - portfolio.day_equity - flowed

    def unrealised(self, portfolio: LivePortfolio) -> int:
        """What the open positions would bring beyond their cost, by average cost."""
        return sum(
            unrealised(one.units, one.cost, value) for _, one, value in self.valued(portfolio)
        )

    def valued(self, portfolio: LivePortfolio) -> Iterator[tuple[int, LivePosition, int]]:
        """(instrument, position, value at the mark) of every open position."""
        for instrument_id, position in portfolio.positions.items():
            if position.units:
                yield instrument_id, position, self.markets[instrument_id].value_of(position.units)

    def holders_of(self, instruments: Iterable[int], among: Iterable[int]) -> set[int]:
        """Which of these portfolios have an open position in one of these instruments."""
        wanted = set(instruments)
        found = set()
        for number in among:
            portfolio = self.portfolios.get(number)
            if portfolio and any(
                one.units and instrument_id in wanted
                for instrument_id, one in portfolio.positions.items()
            ):
                found.add(number)
        return found


def unrealised(units: int, cost: int, value: int) -> int:
    """What a position would bring beyond its cost (of a short: what it brought in)."""
    return value - cost if units >= 0 else value + cost


def split_price(one: Instrument, price_ticks: int, numerator: int, denominator: int) -> int:
    """The mark after a split; the same that `trading.accounts` makes of the last price."""
    rounded = one.round_down(price_ticks * denominator // numerator)
    return min(max(rounded, one.tick_at(0)), PRICE_TICKS_MAX)
