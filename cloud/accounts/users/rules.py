"""What an e-mail address and a password must be. Pure."""

import re
import unicodedata
from typing import Final

from cloud.accounts.user import Role

PASSWORD_CHARS_MIN: Final = 10
PASSWORD_CHARS_MAX: Final = 128
DISTINCT_CHARS_MIN: Final = 4
# What anybody may ask for when they register; all other roles are granted by an admin.
OPEN_ROLES: Final = frozenset({Role.DRIVER, Role.TRADER})

_EMAIL: Final = re.compile(
    r"[^@\s\x00-\x1f]{1,64}@(?=.{3,190}$)[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*"
)


def email_key(email: str) -> str:
    """The one spelling of an address: composed, folded, without blanks around it."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


def email_problem(email: str) -> str | None:
    """Why this cannot be an address, or None. Whether mail arrives there is another question."""
    if _EMAIL.fullmatch(email_key(email)):
        return None
    return "This is not an e-mail address; it must look like name@example.org."


def password_problem(password: str, email: str) -> str | None:
    """Why this password is not taken, or None.

    Length and obvious repetition only: rules on kinds of characters make people choose worse.
    Source: NIST SP 800-63B-4, section 3.1.1.2.
    """
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        return f"A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters."
    if len(set(password)) < DISTINCT_CHARS_MIN:
        return f"A password has at least {DISTINCT_CHARS_MIN} different characters."
    folded = password.casefold()
    if folded in (email_key(email), email_key(email).partition("@")[0]):
        return "A password must not be the e-mail address."
    return None
