"""API keys over HTTP, for the people whose programs use them."""

from typing import Annotated, Final

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import allow
from cloud.accounts.api_keys.authenticator import ApiKeys
from cloud.accounts.api_keys.errors import (
    ApiKeyMissingError,
    KeyPortfolioMissingError,
    TooManyApiKeysError,
)
from cloud.accounts.api_keys.schemas import ApiKey, ApiKeyCreate, NewApiKey
from cloud.accounts.api_keys.service import ApiKeyService
from cloud.accounts.user import Role, User
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems

KEY_ID_PATTERN: Final = r"^[A-Z2-7]{20}\Z"


class ApiKeysController(Controller):
    """The caller's own keys."""

    path = "/api/v1/api-keys"
    tags = ("api keys",)
    guards = (allow(Role.TRADER),)

    @post(
        "/",
        summary="Make an API key",
        status_code=201,
        responses=problems(KeyPortfolioMissingError, TooManyApiKeysError, *ACCESS_PROBLEMS),
    )
    async def create(
        self,
        data: JSONBody[ApiKeyCreate],
        api_keys: NamedDependency[ApiKeyService],
        user: NamedDependency[User],
    ) -> NewApiKey:
        """Good for one portfolio. The secret is shown in this answer and never again."""
        return await api_keys.create(user.id, data.portfolio_id, data.name)

    @get("/", summary="My API keys", responses=problems(CursorError, *ACCESS_PROBLEMS))
    async def list_keys(
        self,
        api_keys: NamedDependency[ApiKeyService],
        user: NamedDependency[User],
        page: NamedDependency[PageRequest],
    ) -> Page[ApiKey]:
        """All of them, revoked ones too."""
        return await api_keys.list_all(user.id, page)

    @delete(
        "/{key_id:str}",
        status_code=200,
        summary="Revoke an API key",
        responses=problems(ApiKeyMissingError, *ACCESS_PROBLEMS),
    )
    async def revoke(
        self,
        key_id: Annotated[str, PathParameter(description="The key's id.", pattern=KEY_ID_PATTERN)],
        api_keys: NamedDependency[ApiKeyService],
        key_check: NamedDependency[ApiKeys],
        user: NamedDependency[User],
    ) -> ApiKey:
        """Requests are refused within a second, open streams cut at their next check."""
        revoked = await api_keys.revoke(user.id, key_id)
        key_check.forget(key_id)
        return revoked
