"""Users over HTTP: registration, one's own profile, and what admins do about others."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloud.accounts.access import allow, public, signed_in
from cloud.accounts.client import AddressLimit, client_address
from cloud.accounts.user import Role, User
from cloud.accounts.users.errors import (
    EmailError,
    EmailTakenError,
    LastAdminError,
    RoleNotOpenError,
    UserMissingError,
    WeakPasswordError,
)
from cloud.accounts.users.rules import OPEN_ROLES
from cloud.accounts.users.schemas import Profile, ProfileUpdate, RoleChange, UserCreate
from cloud.accounts.users.service import UserService
from cloud.kit.errors import RateLimitedError, UnavailableError
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.patterns import END
from cloud.kit.problems import ACCESS_PROBLEMS, problems

UserId = Annotated[UUID, PathParameter(description="The user's id.")]
RoleName = Annotated[Role, PathParameter(description="The role.")]


class UsersController(Controller):
    """Users."""

    path = "/api/v1/users"
    tags = ("users",)

    @post(
        "/",
        guards=[public],
        summary="Register",
        responses=problems(
            EmailTakenError,
            EmailError,
            WeakPasswordError,
            RoleNotOpenError,
            RateLimitedError,
            UnavailableError,
            IdempotencyConflictError,
        ),
    )
    async def register(
        self,
        data: JSONBody[UserCreate],
        request: Request[Any, Any, Any],
        users: NamedDependency[UserService],
        address_limit: NamedDependency[AddressLimit],
        once: NamedDependency[Once],
    ) -> Profile:
        """Make an account as a driver, a trader or both; log in with it afterwards."""
        if not OPEN_ROLES.issuperset(data.roles):
            raise RoleNotOpenError("Register as driver or trader; an admin grants other roles.")
        await address_limit.take("register", client_address(request))
        return await once.answer(
            Profile,
            lambda: users.create(
                data.email, data.password, data.roles, name=data.name, phone=data.phone
            ),
        )

    @get("/me", guards=[signed_in], summary="Who I am", responses=problems(*ACCESS_PROBLEMS))
    async def me(self, users: NamedDependency[UserService], user: NamedDependency[User]) -> Profile:
        """The caller's own profile."""
        return await users.profile(user.id)

    @patch(
        "/me", guards=[signed_in], summary="Change my profile", responses=problems(*ACCESS_PROBLEMS)
    )
    async def update_me(
        self,
        data: JSONBody[ProfileUpdate],
        users: NamedDependency[UserService],
        user: NamedDependency[User],
    ) -> Profile:
        """Change the fields that are sent."""
        return await users.update_profile(user.id, data)

    @get(
        "/",
        guards=[allow(Role.ADMIN, Role.OPERATOR)],
        summary="List users",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_users(
        self,
        users: NamedDependency[UserService],
        page: NamedDependency[PageRequest],
        role: Annotated[Role | None, QueryParameter(description="Only those who have it.")] = None,
    ) -> Page[Profile]:
        """Everybody, in the order of registration."""
        return await users.list_all(page, role)

    @get(
        "/{user_id:uuid}",
        guards=[allow(Role.ADMIN, Role.OPERATOR)],
        summary="One user",
        responses=problems(UserMissingError, *ACCESS_PROBLEMS),
    )
    async def user(self, user_id: UserId, users: NamedDependency[UserService]) -> Profile:
        """One user's profile."""
        return await users.profile(user_id)

    @put(
        "/{user_id:uuid}/roles/{role:str}",
        guards=[allow(Role.ADMIN)],
        summary="Grant a role",
        responses=problems(UserMissingError, *ACCESS_PROBLEMS),
    )
    async def grant(
        self,
        user_id: UserId,
        role: RoleName,
        data: JSONBody[RoleChange],
        users: NamedDependency[UserService],
        user: NamedDependency[User],
    ) -> Profile:
        """Takes effect at once: older access tokens are refused, a refresh brings the role."""
        return await users.grant(user.id, user_id, role, data.reason)

    @delete(
        "/{user_id:uuid}/roles/{role:str}",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="Take a role away",
        responses=problems(UserMissingError, LastAdminError, *ACCESS_PROBLEMS),
    )
    async def take(
        self,
        user_id: UserId,
        role: RoleName,
        users: NamedDependency[UserService],
        user: NamedDependency[User],
        reason: Annotated[
            str, QueryParameter(min_length=3, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*" + END)
        ],
    ) -> Profile:
        """Takes effect at once."""
        return await users.take(user.id, user_id, role, reason)

    @put(
        "/{user_id:uuid}/lock",
        guards=[allow(Role.ADMIN)],
        summary="Lock a user out",
        responses=problems(UserMissingError, LastAdminError, *ACCESS_PROBLEMS),
    )
    async def lock(
        self,
        user_id: UserId,
        data: JSONBody[RoleChange],
        users: NamedDependency[UserService],
        user: NamedDependency[User],
    ) -> Profile:
        """The user's tokens are refused at once, and they cannot log in."""
        return await users.set_locked(user.id, user_id, data.reason, is_locked=True)

    @delete(
        "/{user_id:uuid}/lock",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="Let a locked user in again",
        responses=problems(UserMissingError, *ACCESS_PROBLEMS),
    )
    async def unlock(
        self,
        user_id: UserId,
        users: NamedDependency[UserService],
        user: NamedDependency[User],
        reason: Annotated[
            str, QueryParameter(min_length=3, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*" + END)
        ],
    ) -> Profile:
        """They log in anew."""
        return await users.set_locked(user.id, user_id, reason, is_locked=False)
