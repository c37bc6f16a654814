"""How portfolios join the exchange: what lives as long as the process, routes and tasks."""

from cloud.exchange.directory import Directory
from cloud.exchange.portfolios.history import EquityHistory
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.portfolios.moves import Moves
from cloud.exchange.portfolios.owners import Owners
from cloud.exchange.portfolios.reading import PortfolioReader
from cloud.exchange.portfolios.recorder import EquityRecorder
from cloud.exchange.portfolios.routes import PortfoliosController
from cloud.exchange.portfolios.service import PortfolioService
from cloud.exchange.sequencer import Sequencer
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole


class Portfolios:
    """What other parts of the exchange are given.

    live: every portfolio as it is committed, with marks. owners: whose is whose.
    reader: valuations, lots, equity curves, projections.
    """

    def __init__(self, kit: Kit, sequencer: Sequencer) -> None:
        self.live = LivePortfolios()
        self.owners = Owners(kit.database.pool)
        history = EquityHistory(kit.database.pool)
        self.reader = PortfolioReader(self.live, sequencer, history, kit.clock)
        self.recorder = EquityRecorder(self.live, history, kit.clock)
        self.service = PortfolioService(kit.database, sequencer, kit.clock)
        self.moves = Moves(kit.database, sequencer, kit.clock, kit.ids)
        self.directory = Directory(sequencer)
        self.live.join(sequencer)


def wire(kit: Kit, portfolios: Portfolios) -> Feature:
    """Routes under /api/v1/portfolios and the task that keeps the equity curve."""

    async def provide_service() -> PortfolioService:
        return portfolios.service

    async def provide_reader() -> PortfolioReader:
        return portfolios.reader

    async def provide_owners() -> Owners:
        return portfolios.owners

    async def provide_moves() -> Moves:
        return portfolios.moves

    async def provide_directory() -> Directory:
        return portfolios.directory

    return Feature(
        "portfolios",
        routes=(PortfoliosController,),
        dependencies={
            "portfolios": provide_service,
            "portfolio_reader": provide_reader,
            "owners": provide_owners,
            "moves": provide_moves,
            "directory": provide_directory,
        },
        tasks=(NamedTask("equity-curve", ProcessRole.EXCHANGE, portfolios.recorder.run),),
    )
