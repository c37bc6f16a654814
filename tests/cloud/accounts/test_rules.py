"""What an address and a password must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.accounts.users.rules import email_key, email_problem, password_problem


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.org",
        " Ada.Lovelace+x@sub.example.co.uk ",
        "a@b.c",
        "é@exämple.org",
        "root@localhost",
    ],
)
def test_an_address_is_taken(email: str):
    assert email_problem(email) is None


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a b@example.org",
        "a@b@c.org",
        "a@.org",
        "a@b..org",
        "a\x00@b.org",
    ],
)
def test_what_cannot_be_an_address_is_refused(email: str):
    assert email_problem(email)


@given(st.emails())
def test_the_key_of_an_address_is_its_own_key(email: str):
    assert email_key(email_key(email)) == email_key(email)
    assert email_key(email.upper()) == email_key(email.lower())


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 129, "aaaaaaaaaaaa", "abababababab", "ada@example.org", "ADA@example.org"],
)
def test_an_easy_password_is_refused(password: str):
    assert password_problem(password, "ada@example.org")


@pytest.mark.parametrize("password", ["correct horse", "пароль подлиннее", "x1y2z3x1y2z3"])
def test_a_long_enough_password_is_taken(password: str):
    assert password_problem(password, "ada@example.org") is None
