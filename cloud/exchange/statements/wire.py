"""How statements join the exchange."""

from cloud.exchange.statements.routes import StatementsController
from cloud.exchange.statements.service import StatementService
from cloud.kit.feature import Feature, Kit


def wire(kit: Kit) -> Feature:
    """The route, and the dependency `statements_of`."""
    service = StatementService(kit.database.pool)

    async def provide_statements() -> StatementService:
        return service

    return Feature(
        "statements",
        routes=(StatementsController,),
        dependencies={"statements_of": provide_statements},
    )
