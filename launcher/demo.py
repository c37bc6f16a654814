"""The demo's people: one account for each role, made once, with passwords of this installation."""

from collections.abc import Sequence

from launcher.data_folder import DataFolder
from launcher.screen import LogIn
from provisioning.cloud_api import Api

DOMAIN = "curb.local"
# Raise it when the demo has new accounts, lanes or cards: older folders are then completed.
DEMO_SHAPE = "2"
# Whoever registers is a driver or trader; the other roles an admin grants.
_OPEN_ROLES = ("driver", "trader")
_GRANTED_ROLES = ("operator", "technician", "auditor")


def log_in_for(folder: DataFolder, role: str) -> LogIn:
    """The account of that role; its password is made at the first call."""
    return LogIn(role, f"{role}@{DOMAIN}", folder.secret(f"log-in {role}"))


def people(folder: DataFolder) -> list[LogIn]:
    """All of the demo's accounts, the admin first."""
    return [log_in_for(folder, role) for role in ("admin", *_GRANTED_ROLES, *_OPEN_ROLES)]


def ensure_people(base_url: str, wanted: Sequence[LogIn]) -> None:
    """Make whichever of these accounts are missing; the first is the admin, who exists."""
    admin = wanted[0]
    with Api(base_url) as api:
        api.log_in(admin.email, admin.password)
        # The demo's own accounts are the first that were ever made, so the first page has them.
        known = {user["email"] for user in api.get("/api/v1/users")["items"]}
        for person in wanted[1:]:
            if person.email not in known:
                _register(api, person)


def _register(api: Api, person: LogIn) -> None:
    is_open = person.role in _OPEN_ROLES
    body = {
        "email": person.email,
        "password": person.password,
        "name": f"Demo {person.role}",
        "roles": [person.role] if is_open else ["driver"],
    }
    profile = api.post("/api/v1/users", body)
    if not is_open:
        why = {"reason": "demo account of curb up"}
        api.put(f"/api/v1/users/{profile['id']}/roles/{person.role}", why)
