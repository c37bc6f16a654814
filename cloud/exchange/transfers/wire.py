"""How transfers join the exchange."""

from cloud.exchange.sequencer import Sequencer
from cloud.exchange.transfers.routes import TransfersController
from cloud.exchange.transfers.saga import Saga
from cloud.exchange.transfers.service import TransferService
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.ledger.wire import Ledger


def wire(kit: Kit, ledger: Ledger, sequencer: Sequencer) -> Feature:
    """Routes under /api/v1/portfolios/{id}/transfers and the task that ends what was begun."""
    saga = Saga(kit.database, ledger, sequencer, kit.clock)
    service = TransferService(kit.database, ledger, saga, kit.clock, kit.ids)

    async def provide_transfers() -> TransferService:
        return service

    return Feature(
        "transfers",
        routes=(TransfersController,),
        dependencies={"transfers": provide_transfers},
        tasks=(NamedTask("exchange-transfers", ProcessRole.EXCHANGE, saga.run),),
    )
