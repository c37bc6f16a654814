"""How API keys join the others. The exchange, which knows portfolios, hands in whose they are."""

from litestar.di import NamedDependency

from cloud.accounts.api_keys.authenticator import ApiKeys
from cloud.accounts.api_keys.routes import ApiKeysController
from cloud.accounts.api_keys.service import ApiKeyService, PortfolioOwners
from cloud.accounts.client import AddressLimit
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit

API_KEYS_STATE = "api_keys"


def make_api_keys(kit: Kit, limit: AddressLimit) -> ApiKeys:
    """What every interface that takes keys asks; one for the process."""
    return ApiKeys(kit.database, kit.real_clock, limit)


def wire(kit: Kit, keys: ApiKeys, owners: PortfolioOwners) -> Feature:
    """Routes, the dependencies `api_keys` and `key_check`, and the keys in the app's state."""

    async def provide_service(session: NamedDependency[AsyncSession]) -> ApiKeyService:
        return ApiKeyService(session, clock=kit.clock, owners=owners, acts=kit.acts)

    async def provide_keys() -> ApiKeys:
        return keys

    return Feature(
        "api-keys",
        routes=(ApiKeysController,),
        dependencies={"api_keys": provide_service, "key_check": provide_keys},
        state={API_KEYS_STATE: keys},
    )
