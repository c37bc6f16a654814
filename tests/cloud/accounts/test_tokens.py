"""An access token is taken only if we made it, for this purpose, and a short time ago."""

import base64
import json
from datetime import timedelta
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud.accounts.auth.tokens import AccessTokens, TokenKeys, load_or_create_token_keys
from cloud.accounts.revocation import Revocations
from cloud.accounts.user import Role, User
from cloud.kit.clock import ManualClock
from cloud.kit.errors import UnauthenticatedError, UnavailableError
from cloud.kit.feature import Kit
from cloud.kit.ids import TimeOrderedIds
from cloud.kit.redis import redis_client

ADA = User(UUID(int=1), UUID(int=2), frozenset({Role.DRIVER, Role.TRADER}))
KEY = Ed25519PrivateKey.generate()


def make_tokens(
    kit: Kit, keys: TokenKeys | None = None, issuer: str = "https://curb"
) -> AccessTokens:
    return AccessTokens(
        keys or TokenKeys({"1": KEY}),
        Revocations(kit.redis, kit.clock, 600),
        clock=kit.clock,
        ids=kit.ids,
        issuer=issuer,
        lifetime_s=600,
    )


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_token_stands_for_its_user_until_it_expires(kit: Kit, clock: ManualClock):
    tokens = make_tokens(kit)
    token = tokens.make(ADA)
    assert await tokens.authenticate(token) == ADA
    clock.advance(timedelta(seconds=599))
    assert await tokens.authenticate(token) == ADA
    clock.advance(timedelta(seconds=1))
    with pytest.raises(UnauthenticatedError, match="expired"):
        await tokens.authenticate(token)


async def test_a_token_of_the_future_is_refused(kit: Kit, clock: ManualClock):
    tokens = make_tokens(kit)
    token = tokens.make(ADA)
    clock.advance(timedelta(minutes=-5))
    with pytest.raises(UnauthenticatedError):
        await tokens.authenticate(token)


@pytest.mark.parametrize(
    "forge",
    [
        lambda claims: jwt.encode(
            claims, "", algorithm="none", headers={"kid": "1", "typ": "at+jwt"}
        ),
        lambda claims: jwt.encode(
            claims, "x" * 32, algorithm="HS256", headers={"kid": "1", "typ": "at+jwt"}
        ),
        lambda claims: jwt.encode(
            claims, KEY, algorithm="EdDSA", headers={"kid": "2", "typ": "at+jwt"}
        ),
        lambda claims: jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "1"}),
        lambda claims: sign(claims | {"aud": "elsewhere"}),
        lambda claims: sign(claims | {"iss": "https://elsewhere"}),
        lambda claims: sign(claims | {"sub": "ada"}),
        lambda claims: sign(claims | {"roles": ["king"]}),
        lambda claims: sign(claims | {"roles": 5}),
        lambda claims: sign({name: value for name, value in claims.items() if name != "exp"}),
        lambda claims: sign({name: value for name, value in claims.items() if name != "sid"}),
        lambda claims: sign(claims | {"exp": "tomorrow"}),
        lambda claims: sign(claims | {"iat": "now"}),
        lambda claims: sign(claims | {"pad": "x" * 5_000}),
        lambda claims: "not.a.token",
        lambda claims: "",
        lambda claims: "\N{SNOWMAN}",
    ],
)
async def test_a_forged_token_is_refused(kit: Kit, forge):
    tokens = make_tokens(kit)
    token = forge(claims_of(tokens.make(ADA)))
    with pytest.raises(UnauthenticatedError):
        await tokens.authenticate(token)


def sign(claims: dict[str, object]) -> str:
    return jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "1", "typ": "at+jwt"})


async def test_a_changed_claim_breaks_the_signature(kit: Kit):
    tokens = make_tokens(kit)
    head, _, tail = tokens.make(ADA).split(".")
    claims = claims_of(tokens.make(ADA)) | {"roles": ["admin"]}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    with pytest.raises(UnauthenticatedError):
        await tokens.authenticate(f"{head}.{body}.{tail}")


async def test_a_new_key_signs_and_the_old_one_still_counts(kit: Kit):
    old = make_tokens(kit).make(ADA)
    both = make_tokens(kit, TokenKeys({"1": KEY, "10": Ed25519PrivateKey.generate()}))
    assert await both.authenticate(old) == ADA
    assert jwt.get_unverified_header(both.make(ADA))["kid"] == "10"


async def test_while_revocations_cannot_be_known_nobody_is_let_in(kit: Kit):
    away = redis_client("redis://127.0.0.1:1/0")
    try:
        tokens = AccessTokens(
            TokenKeys({"1": KEY}),
            Revocations(away, kit.clock, 600),
            clock=kit.clock,
            ids=TimeOrderedIds(kit.clock),
            issuer="https://curb",
            lifetime_s=600,
        )
        with pytest.raises(UnavailableError):
            await tokens.authenticate(tokens.make(ADA))
    finally:
        await away.aclose()


def test_a_key_of_another_kind_is_not_used(tmp_path):
    made = load_or_create_token_keys(tmp_path)
    assert load_or_create_token_keys(tmp_path).newest == made.newest == "1"
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "tokens" / "2.pem").write_bytes(pem)
    with pytest.raises(TypeError, match="Ed25519"):
        load_or_create_token_keys(tmp_path)
