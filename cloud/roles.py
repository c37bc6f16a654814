"""What a process of the cloud is for: one may do all, or several share the work."""

from cloud.kit.feature import ProcessRole
from cloud.kit.settings import SettingsError

ALL_ROLES = frozenset(ProcessRole)


def parse_roles(text: str) -> frozenset[ProcessRole]:
    """The roles of `--roles api,relay`.

    Raises:
        SettingsError: a word is not a role, or there is none, or surveillance has company.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = sorted(set(words) - {role.value for role in ProcessRole})
    if unknown or not words:
        known = ", ".join(role.value for role in ProcessRole)
        raise SettingsError(f"--roles takes some of {known}; not {', '.join(unknown) or 'none'}.")
    roles = frozenset(ProcessRole(word) for word in words)
    if ProcessRole.SURVEILLANCE in roles and len(roles) > 1:
        raise SettingsError(
            "--roles surveillance goes with no other role: it works through the whole journal, at "
            "low priority, and whatever shared its process would wait for it."
        )
    return roles
