"""How the ledger joins the others."""

from litestar.di import NamedDependency

from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit
from cloud.ledger.desk import Providers, WalletDesk
from cloud.ledger.providers import DemoCard
from cloud.ledger.routes import CreditsController, WalletController
from cloud.ledger.service import LedgerService
from cloud.ledger.statements import Statements


class Ledger:
    """Makes the ledger's service for one session each; handed to the features above."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def service(self, session: AsyncSession) -> LedgerService:
        """The ledger, within this session."""
        return LedgerService(session, clock=self._kit.clock, ids=self._kit.ids)


def wire(kit: Kit, ledger: Ledger) -> Feature:
    """Routes, and the dependencies `ledger`, `statements` and `desk`."""
    demo = DemoCard()
    providers: Providers = {demo.name: demo} if kit.settings.demo_payments else {}

    async def provide_ledger(session: NamedDependency[AsyncSession]) -> LedgerService:
        return ledger.service(session)

    async def provide_statements(session: NamedDependency[AsyncSession]) -> Statements:
        return Statements(session)

    async def provide_desk(session: NamedDependency[AsyncSession]) -> WalletDesk:
        return WalletDesk(
            session, ledger.service(session), providers=providers, acts=kit.acts, ids=kit.ids
        )

    return Feature(
        "ledger",
        routes=(WalletController, CreditsController),
        dependencies={
            "ledger": provide_ledger,
            "statements": provide_statements,
            "desk": provide_desk,
        },
    )
