"""Cards over HTTP: drivers' own, and all of them for operators."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.parameters import TagId
from cloud.parking.tags.errors import (
    TagBlockedError,
    TagMissingError,
    TagTakenError,
    TooManyTagsError,
    UidError,
)
from cloud.parking.tags.rules import TagState
from cloud.parking.tags.schemas import Tag, TagClaim, TagCreate, TagStateChange
from cloud.parking.tags.service import TagService
from cloud.parking.vehicles.errors import VehicleMissingError

_OPERATORS = allow(Role.OPERATOR, Role.ADMIN)
_PEOPLE = allow(Role.OPERATOR, Role.ADMIN, Role.TECHNICIAN)
StateFilter = Annotated[TagState | None, QueryParameter(description="Only in this state.")]
OwnerFilter = Annotated[UUID | None, QueryParameter(description="Only of this user.")]


class TagsController(Controller):
    """RFID cards."""

    path = "/api/v1/tags"
    tags = ("tags",)

    @post(
        "/mine",
        guards=[signed_in],
        summary="Register a card of mine",
        responses=problems(
            UidError,
            TagTakenError,
            TooManyTagsError,
            VehicleMissingError,
            IdempotencyConflictError,
            *ACCESS_PROBLEMS,
        ),
    )
    async def claim(
        self,
        data: JSONBody[TagClaim],
        tags: NamedDependency[TagService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Tag:
        """It opens gates at once, where walk-ups are welcome."""
        return await once.answer(Tag, lambda: tags.claim(user.id, data))

    @get(
        "/mine",
        guards=[signed_in],
        summary="My cards",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_mine(
        self,
        tags: NamedDependency[TagService],
        page: NamedDependency[PageRequest],
        user: NamedDependency[User],
    ) -> Page[Tag]:
        """Oldest first."""
        return await tags.list_mine(user.id, page)

    @post(
        "/mine/{tag_id:uuid}/lost",
        guards=[signed_in],
        status_code=200,
        summary="I lost a card",
        responses=problems(TagMissingError, *ACCESS_PROBLEMS),
    )
    async def lost(
        self, tag_id: TagId, tags: NamedDependency[TagService], user: NamedDependency[User]
    ) -> Tag:
        """It opens no gate any more."""
        return await tags.report_lost(user.id, tag_id)

    @post(
        "/mine/{tag_id:uuid}/found",
        guards=[signed_in],
        status_code=200,
        summary="I found a card again",
        responses=problems(TagMissingError, TagBlockedError, *ACCESS_PROBLEMS),
    )
    async def found(
        self, tag_id: TagId, tags: NamedDependency[TagService], user: NamedDependency[User]
    ) -> Tag:
        """Unless an operator blocked it, it opens gates again."""
        return await tags.found_again(user.id, tag_id)

    @post(
        "/",
        guards=[_PEOPLE],
        summary="Register a card",
        responses=problems(UidError, TagTakenError, IdempotencyConflictError, *ACCESS_PROBLEMS),
    )
    async def register(
        self,
        data: JSONBody[TagCreate],
        tags: NamedDependency[TagService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Tag:
        """For a user, or for nobody yet; level 1 for personalised cards."""
        return await once.answer(Tag, lambda: tags.register(user, data))

    @get(
        "/",
        guards=[_PEOPLE],
        summary="All cards",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_all(
        self,
        tags: NamedDependency[TagService],
        page: NamedDependency[PageRequest],
        tag_state: StateFilter = None,
        user_id: OwnerFilter = None,
    ) -> Page[Tag]:
        """Oldest first."""
        return await tags.list_all(page, state=tag_state, user_id=user_id)

    @put(
        "/{tag_id:uuid}/state",
        guards=[_OPERATORS],
        summary="Block or unblock a card",
        responses=problems(TagMissingError, *ACCESS_PROBLEMS),
    )
    async def change_state(
        self,
        tag_id: TagId,
        data: JSONBody[TagStateChange],
        tags: NamedDependency[TagService],
        user: NamedDependency[User],
    ) -> Tag:
        """Every lane knows within a second, or as soon as its site is online."""
        return await tags.change_state(user, tag_id, data)
