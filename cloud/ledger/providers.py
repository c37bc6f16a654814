"""Ways to pay into a wallet, behind one protocol.

The demo card moves no money: it is there to show and test the system, says so in its label, and is
offered only where the settings allow demo payments.
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cloud.kit.money import Money
from cloud.ledger.errors import PaymentDeclinedError


@dataclass(frozen=True)
class Paid:
    """The provider's word that the money is ours. memo: shown in the statement."""

    memo: str


class PaymentProvider(Protocol):
    """One way to pay."""

    name: str
    label: str
    is_demo: bool

    async def pay(self, user: UUID, amount: Money, *, card: str, client_id: str) -> Paid:
        """Take the money from the user's card; a repetition with the same client id takes none.

        Raises:
            PaymentDeclinedError: it could not be taken; nothing was.
            UnavailableError: the provider does not answer; try again with the same client id.
        """
        ...


class DemoCard:
    """Accepts every card but one; no money moves anywhere."""

    name = "demo-card"
    label = "Demo card (no real money)"
    is_demo = True
    declined_card = "0000"

    async def pay(self, user: UUID, amount: Money, *, card: str, client_id: str) -> Paid:
        """See PaymentProvider."""
        if card.endswith(self.declined_card):
            raise PaymentDeclinedError("The demo card ending in 0000 is always declined.")
        return Paid(f"{self.label}, ending in {card[-4:]}")
