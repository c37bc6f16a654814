"""What is done to an installation by hand or by the launcher, without a web server."""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from cloud.accounts.user import Role
from cloud.accounts.wire import Accounts
from cloud.app import build_app, open_kit, wire_features
from cloud.audit.routes import to_verification
from cloud.audit.wire import make_trail
from cloud.kit.privileged import PrivilegedAct
from cloud.kit.settings import Settings, SettingsError


async def create_user(
    settings: Settings,
    email: str,
    roles: Sequence[str],
    *,
    name: str,
    password: str | None = None,
    if_no_admin: bool = False,
) -> dict[str, Any]:
    """Create a user with any roles; harmless for an address that exists.

    Raises:
        SettingsError: a role is unknown, or the address or password is refused.
    """
    unknown = set(roles) - {role.value for role in Role}
    if unknown:
        raise SettingsError(f"There is no role {', '.join(sorted(unknown))}.")
    made = None if password else secrets.token_urlsafe(15)
    async with open_kit(settings) as kit, kit.database.session() as session:
        users = Accounts(kit).users(session)
        if (if_no_admin and await users.has_admin()) or await users.find_id(email) is not None:
            return {"created": False, "email": email}
        profile = await users.create(
            email, password or made or "", [Role(role) for role in roles], name=name
        )
        details = {"roles": ",".join(sorted(roles)), "reason": "created by command"}
        act = PrivilegedAct(None, "user.created", f"user:{profile.id}", details)
        await kit.acts.record(session, act)
    shown = {} if made is None else {"password": made}
    return {"created": True, "id": str(profile.id), "email": email, "roles": [*roles], **shown}


async def verify_audit(settings: Settings) -> dict[str, Any]:
    """Check the whole trail."""
    async with open_kit(settings) as kit, kit.database.session() as session:
        found = await make_trail(settings, kit.clock).verify(session)
    answer: dict[str, Any] = msgspec.to_builtins(to_verification(found))
    return answer


async def openapi_document(settings: Settings) -> dict[str, Any]:
    """The document as the API serves it."""
    async with open_kit(settings) as kit:
        return build_app(kit, wire_features(kit)).openapi_schema.to_schema()
