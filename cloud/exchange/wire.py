"""How the exchange joins the others, and how its own parts are joined."""

from datetime import timedelta

from cloud.accounts.api_keys import wire as api_keys
from cloud.accounts.api_keys.wire import make_api_keys
from cloud.accounts.wire import Accounts
from cloud.events.wire import Events
from cloud.exchange import metrics
from cloud.exchange.alpaca import wire as alpaca
from cloud.exchange.alpaca.access import TraderAccess
from cloud.exchange.alpaca.desk import TradingDesk
from cloud.exchange.alpaca.settings import SettingsBook
from cloud.exchange.directory import Directory
from cloud.exchange.leading import Leading
from cloud.exchange.limits import wire as limits
from cloud.exchange.market_data import wire as market_data
from cloud.exchange.order_entry import wire as order_entry
from cloud.exchange.portfolios import wire as portfolios
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.sessions.driver import SessionDriver
from cloud.exchange.sessions.schedules import schedule_of
from cloud.exchange.snapshots import SnapshotKeeper
from cloud.exchange.statements import wire as statements
from cloud.exchange.surveillance import wire as surveillance
from cloud.exchange.transfers import wire as transfers
from cloud.exchange.updates import wire as updates
from cloud.exchange.venue import wire as venue
from cloud.exchange.venue.acts import VenueDesk
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.ledger.wire import Ledger
from cloud.realtime.wire import Realtime


class Exchange:
    """What the parts of the exchange share, and the lower features they stand on.

    sequencer: takes wishes while this process leads; see `cloud/exchange/sequencer.py`.
    api_keys: checks traders' keys, for every interface that takes them.
    directory: instruments by symbol. settings: what owners of portfolios have chosen.
    access: whom API keys and tokens of /v2 stand for.
    schedule: when the venue trades.
    market_data: the venue's feed, its streams and its history.
    portfolios: all of them as they are committed, with marks; whose is whose; equity curves.
    """

    def __init__(
        self, kit: Kit, events: Events, *, accounts: Accounts, ledger: Ledger, realtime: Realtime
    ) -> None:
        self.kit = kit
        self.events = events
        self.accounts = accounts
        self.ledger = ledger
        self.realtime = realtime
        self.sequencer = Sequencer(events.outbox, kit.clock)
        self.api_keys = make_api_keys(kit, accounts.address_limit)
        self.directory = Directory(self.sequencer)
        self.settings = SettingsBook(kit.database.pool, kit.clock)
        self.access = TraderAccess(
            self.api_keys, accounts.access_tokens, kit.database.pool, self.sequencer
        )
        self.schedule = schedule_of(kit.settings.exchange_schedule)
        self.portfolios = portfolios.Portfolios(kit, self.sequencer)
        self.updates = updates.make_updates(kit, self.sequencer, self.portfolios.live)
        self.market_data = market_data.MarketData(
            kit,
            self.sequencer,
            keys=self.api_keys,
            tokens=accounts.access_tokens,
            realtime=realtime,
        )


def wire(exchange: Exchange) -> Feature:
    """Routes under /v2, /stream and /api/v1, dependencies, and the tasks of the role EXCHANGE.

    Every part adds its own lines below: routes, dependencies, tasks.
    """
    metrics.watch(exchange.sequencer)

    async def provide_sequencer() -> Sequencer:
        return exchange.sequencer

    own = Feature(
        "exchange",
        routes=(),
        dependencies={"sequencer": provide_sequencer},
        tasks=_tasks(exchange),
        resources=(),
    )
    return joined(
        own,
        *_running_the_venue(exchange),
        *_books_of_account(exchange),
        market_data.wire(exchange.kit, exchange.market_data),
        order_entry.wire(
            exchange.sequencer,
            exchange.directory,
            exchange.settings,
            exchange.access,
            exchange.updates,
        ),
        *_trading_api(exchange),
    )


def joined(own: Feature, *parts: Feature) -> Feature:
    """One feature of several: the parts are folders of their own, but no layer of their own."""
    features = (own, *parts)
    return Feature(
        own.name,
        routes=tuple(route for f in features for route in f.routes),
        dependencies={name: make for f in features for name, make in f.dependencies.items()},
        state={name: value for f in features for name, value in f.state.items()},
        tasks=tuple(task for f in features for task in f.tasks),
        resources=tuple(resource for f in features for resource in f.resources),
    )


def _trading_api(exchange: Exchange) -> tuple[Feature, ...]:
    """API keys, and the interface under /v2 that takes them."""
    kit, books = exchange.kit, exchange.portfolios
    desk = TradingDesk(
        kit.database.pool,
        exchange.sequencer,
        exchange.directory,
        exchange.settings,
        books.live,
        books.reader,
        exchange.schedule,
        kit.clock,
    )
    return (
        api_keys.wire(kit, exchange.api_keys, books.owners),
        alpaca.wire(exchange.access, desk),
    )


def _running_the_venue(exchange: Exchange) -> tuple[Feature, ...]:
    """Listings, halts, kill switches, risk limits and surveillance."""
    kit, sequencer = exchange.kit, exchange.sequencer
    desk = VenueDesk(kit, sequencer)
    return (
        venue.wire(kit, sequencer, desk),
        limits.wire(kit, exchange.events, desk, exchange.realtime.notices),
        surveillance.wire(kit, exchange.realtime),
    )


def _books_of_account(exchange: Exchange) -> tuple[Feature, ...]:
    """Portfolios and what is told and written down of them."""
    kit, books = exchange.kit, exchange.portfolios
    return (
        portfolios.wire(kit, books),
        statements.wire(kit),
        transfers.wire(kit, exchange.ledger, exchange.sequencer),
        updates.wire(
            kit,
            exchange.updates,
            books.live,
            exchange.access,
            exchange.realtime.hub,
        ),
    )


def _tasks(exchange: Exchange) -> tuple[NamedTask, ...]:
    """What runs in a process of the role EXCHANGE, leading or standing by."""
    kit, sequencer = exchange.kit, exchange.sequencer
    settings = kit.settings
    leading = Leading(kit.database, settings.database_url, sequencer.lead)
    sessions = SessionDriver(
        sequencer,
        exchange.schedule,
        kit.clock,
        timedelta(seconds=settings.exchange_volatility_call_s),
    )
    snapshots = SnapshotKeeper(
        kit.database,
        settings.database_url,
        sequence=lambda: sequencer.committed_sequence,
        is_leading=lambda: sequencer.is_leading,
        now=kit.real_clock.now,
    )
    role = ProcessRole.EXCHANGE
    return (
        NamedTask("exchange-leader", role, leading.run),
        NamedTask("exchange-sessions", role, sessions.run),
        NamedTask("exchange-snapshots", role, snapshots.run),
    )
