"""Money that comes into wallets: paid by the user with a provider, or credited by an operator."""

import hashlib
from collections.abc import Mapping
from uuid import UUID

from cloud.accounts.user import User
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.money import Money
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.ledger.errors import ProviderMissingError
from cloud.ledger.providers import PaymentProvider
from cloud.ledger.schemas import Credit, Provider, TopUp, Wallet
from cloud.ledger.service import LedgerService
from cloud.ledger.statements import Statements

Providers = Mapping[str, PaymentProvider]


class WalletDesk:
    """Top-ups and credits, within one session. key: the caller's Idempotency-Key, if any."""

    def __init__(
        self,
        session: AsyncSession,
        ledger: LedgerService,
        *,
        providers: Providers,
        acts: ActRecorder,
        ids: Ids,
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._statements = Statements(session)
        self._providers = providers
        self._acts = acts
        self._ids = ids

    def providers(self) -> list[Provider]:
        """The ways to pay here."""
        return [Provider(p.name, p.label, p.is_demo) for p in self._providers.values()]

    async def top_up(self, user: User, asked: TopUp, key: str | None) -> Wallet:
        """Take the money with the provider, then put it into the user's wallet.

        Raises:
            ProviderMissingError: this installation has no such provider.
            PaymentDeclinedError: it did not take the payment.
        """
        provider = self._providers.get(asked.provider)
        if provider is None:
            known = ", ".join(self._providers) or "none"
            raise ProviderMissingError(
                f"There is no provider {asked.provider!r}; there is {known}."
            )
        client_id = self._client_id(user, key)
        amount = Money(asked.amount_minor, asked.currency)
        paid = await provider.pay(user.id, amount, card=asked.card, client_id=client_id)
        await self._ledger.top_up(
            user.id, amount, client_id=client_id, source=provider.name, memo=paid.memo
        )
        return await self._statements.wallet(user.id, asked.currency)

    async def credit(self, by: User, user_id: UUID, asked: Credit, key: str | None) -> Wallet:
        """Put money into somebody's wallet; who did it and why is audited."""
        amount = Money(asked.amount_minor, asked.currency)
        client_id = self._client_id(by, key)
        await self._ledger.top_up(
            user_id, amount, client_id=client_id, source="operator", memo=asked.reason
        )
        act = PrivilegedAct(
            by.id,
            "wallet.credited",
            f"user:{user_id}",
            {
                "amount_minor": asked.amount_minor,
                "currency": asked.currency,
                "reason": asked.reason,
            },
        )
        await self._acts.record(self._session, act)
        return await self._statements.wallet(user_id, asked.currency)

    def _client_id(self, user: User, key: str | None) -> str:
        """Of the caller's own key, which may be any text, an id that is nobody else's."""
        if key is None:
            return f"top_up:{self._ids.new()}"
        return "top_up:" + hashlib.sha256(f"{user.id}\n{key}".encode()).hexdigest()
