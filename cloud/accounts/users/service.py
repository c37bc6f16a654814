"""What can be done about users: create, find, change, grant and take roles, lock."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.accounts.passwords import Passwords
from cloud.accounts.revocation import Revocations
from cloud.accounts.user import Role
from cloud.accounts.users import rules
from cloud.accounts.users.errors import (
    EmailError,
    EmailTakenError,
    LastAdminError,
    UserMissingError,
    WeakPasswordError,
)
from cloud.accounts.users.schemas import Profile, ProfileUpdate
from cloud.accounts.users.tables import UserProfileRow, UserRoleRow, UserRow
from cloud.kit.clock import Clock
from cloud.kit.crypto import FieldCipher, Place
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct

# A user, their profile and their roles in one query, however many users.
_PROFILES = select(
    UserRow,
    UserProfileRow,
    select(func.array_agg(col(UserRoleRow.role)))
    .where(col(UserRoleRow.user_id) == col(UserRow.id))
    .scalar_subquery(),
).join(UserProfileRow, col(UserProfileRow.user_id) == col(UserRow.id))


class UserService:
    """One request's view of the users; the session commits what it did."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        clock: Clock,
        ids: Ids,
        cipher: FieldCipher,
        passwords: Passwords,
        revocations: Revocations,
        acts: ActRecorder,
    ) -> None:
        self._session = session
        self._clock = clock
        self._ids = ids
        self._cipher = cipher
        self._passwords = passwords
        self._revocations = revocations
        self._acts = acts

    async def create(
        self,
        email: str,
        password: str,
        roles: Iterable[Role],
        *,
        name: str,
        phone: str | None = None,
    ) -> Profile:
        """A new user, who can log in at once.

        Raises:
            EmailError, WeakPasswordError, EmailTakenError: said in the error.
        """
        if problem := rules.email_problem(email):
            raise EmailError(problem)
        if problem := rules.password_problem(password, email):
            raise WeakPasswordError(problem)
        user_id, now = self._ids.new(), self._clock.now()
        await self._insert_user(user_id, email, await self._passwords.hash(password), now)
        for role in sorted(set(roles)):
            self._session.add(UserRoleRow(user_id=user_id, role=role, granted_at=now))
        self._session.add(
            UserProfileRow(
                user_id=user_id,
                name_sealed=self._seal("name_sealed", user_id, name),
                phone_sealed=None if phone is None else self._seal("phone_sealed", user_id, phone),
                updated_at=now,
            )
        )
        await self._session.flush()
        return await self.profile(user_id)

    async def _insert_user(self, user_id: UUID, email: str, hashed: str, now: datetime) -> None:
        row = {
            "id": user_id,
            "email": email.strip(),
            "email_key": rules.email_key(email),
            "password_hash": hashed,
            "is_locked": False,
            "created_at": now,
            "updated_at": now,
        }
        query = insert(UserRow).values(row).on_conflict_do_nothing().returning(col(UserRow.id))
        if await self._session.scalar(query) is None:
            raise EmailTakenError("This e-mail address is registered already; log in instead.")

    async def find_id(self, email: str) -> UUID | None:
        """The id of the user with this address."""
        query = select(col(UserRow.id)).where(col(UserRow.email_key) == rules.email_key(email))
        return await self._session.scalar(query)

    async def has_admin(self) -> bool:
        """Whether there is anybody who can grant roles."""
        return await self._admins() > 0

    async def profile(self, user_id: UUID) -> Profile:
        """One user.

        Raises:
            UserMissingError: there is none of this id.
        """
        found = await self._profiles(_PROFILES.where(col(UserRow.id) == user_id))
        if not found:
            raise UserMissingError("There is no user of this id.")
        return found[0]

    async def list_all(self, page: PageRequest, role: Role | None = None) -> Page[Profile]:
        """Users by id, which is the order in which they registered."""
        query = _PROFILES.order_by(col(UserRow.id)).limit(page.fetch)
        if role is not None:
            with_role = select(col(UserRoleRow.user_id)).where(col(UserRoleRow.role) == role)
            query = query.where(col(UserRow.id).in_(with_role))
        if (after := page.after(tuple[UUID])) is not None:
            query = query.where(col(UserRow.id) > after[0])
        return page.page(await self._profiles(query), lambda found: found, lambda p: (p.id,))

    async def update_profile(self, user_id: UUID, change: ProfileUpdate) -> Profile:
        """Change the fields that were sent."""
        row = await self._session.get_one(UserProfileRow, user_id, with_for_update=True)
        if change.name is not msgspec.UNSET:
            row.name_sealed = self._seal("name_sealed", user_id, change.name)
        if change.phone is not msgspec.UNSET:
            phone = change.phone
            row.phone_sealed = None if phone is None else self._seal("phone_sealed", user_id, phone)
        if change.preferences is not msgspec.UNSET:
            row.preferences = dict(change.preferences)
        row.updated_at = self._clock.now()
        await self._session.flush()
        return await self.profile(user_id)

    async def grant(self, actor: UUID | None, user_id: UUID, role: Role, reason: str) -> Profile:
        """Give a role; nothing happens if the user has it."""
        await self._user(user_id)
        query = (
            insert(UserRoleRow)
            .values(user_id=user_id, role=role, granted_at=self._clock.now())
            .on_conflict_do_nothing()
            .returning(col(UserRoleRow.role))
        )
        if await self._session.scalar(query) is not None:
            await self._changed("role.granted", actor, user_id, role=role, reason=reason)
        return await self.profile(user_id)

    async def take(self, actor: UUID | None, user_id: UUID, role: Role, reason: str) -> Profile:
        """Take a role away; nothing happens if the user does not have it.

        Raises:
            LastAdminError: nobody would be left to grant roles.
        """
        await self._lock(user_id)
        query = (
            delete(UserRoleRow)
            .where(col(UserRoleRow.user_id) == user_id, col(UserRoleRow.role) == role)
            .returning(col(UserRoleRow.role))
        )
        if await self._session.scalar(query) is not None:
            await self._keep_an_admin()
            await self._changed("role.taken", actor, user_id, role=role, reason=reason)
        return await self.profile(user_id)

    async def set_locked(
        self, actor: UUID | None, user_id: UUID, reason: str, *, is_locked: bool
    ) -> Profile:
        """Lock a user out of everything, at once, or let them in again.

        Raises:
            LastAdminError: nobody would be left to undo it.
        """
        user = await self._lock(user_id)
        if user.is_locked != is_locked:
            user.is_locked, user.updated_at = is_locked, self._clock.now()
            await self._session.flush()
            await self._keep_an_admin()
            action = "user.locked" if is_locked else "user.unlocked"
            await self._changed(action, actor, user_id, reason=reason)
        return await self.profile(user_id)

    async def _changed(
        self, action: str, actor: UUID | None, user_id: UUID, **details: str
    ) -> None:
        # Tokens made before this moment say the old roles, so they are not taken any more.
        await self._revocations.refuse_older_tokens(user_id)
        act = PrivilegedAct(actor, action, f"user:{user_id}", details)
        await self._acts.record(self._session, act)

    async def _keep_an_admin(self) -> None:
        if await self._admins() == 0:
            raise LastAdminError("This is the last admin; make somebody else an admin first.")

    async def _admins(self) -> int:
        # Locked: two admins who remove each other at the same moment must not both succeed.
        query = (
            select(col(UserRow.id))
            .join(UserRoleRow, col(UserRoleRow.user_id) == col(UserRow.id))
            .where(col(UserRoleRow.role) == Role.ADMIN, col(UserRow.is_locked).is_(False))
            .order_by(col(UserRow.id))
            .with_for_update()
        )
        return len((await self._session.scalars(query)).all())

    async def _lock(self, user_id: UUID) -> UserRow:
        """The user, whom nobody else changes or gives a token until this transaction ends.

        Admins first and in one order, or two who change each other would wait in a circle.
        """
        await self._admins()
        return await self._user(user_id, for_update=True)

    async def _user(self, user_id: UUID, *, for_update: bool = False) -> UserRow:
        user = await self._session.get(
            UserRow, user_id, with_for_update=for_update, populate_existing=for_update
        )
        if user is None:
            raise UserMissingError("There is no user of this id.")
        return user

    async def _profiles(self, query: "Select[UserRow, UserProfileRow, list[str]]") -> list[Profile]:
        # What this session has loaded before may have changed by statements since.
        rows = await self._session.execute(query.execution_options(populate_existing=True))
        return [self._to_schema(user, profile, roles) for user, profile, roles in rows]

    def _to_schema(
        self, user: UserRow, profile: UserProfileRow, roles: Sequence[str] | None
    ) -> Profile:
        phone = profile.phone_sealed
        return Profile(
            id=user.id,
            email=user.email,
            name=self._open("name_sealed", user.id, profile.name_sealed),
            phone=None if phone is None else self._open("phone_sealed", user.id, phone),
            roles=sorted(Role(name) for name in roles or ()),
            preferences=profile.preferences,
            is_locked=user.is_locked,
            created_at=user.created_at,
        )

    def _seal(self, column: str, user_id: UUID, text: str) -> bytes:
        return self._cipher.seal(Place("user_profiles", column, user_id), text)

    def _open(self, column: str, user_id: UUID, sealed: bytes) -> str:
        return self._cipher.open(Place("user_profiles", column, user_id), sealed)
