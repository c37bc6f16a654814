"""Access tokens: short-lived JWTs, signed with Ed25519, one algorithm and no other.

Source: RFC 8725 (fixed algorithm, issuer, audience, type), RFC 9068 (`at+jwt`), RFC 8037 (EdDSA).
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cloud.accounts.revocation import CLOCKS_APART_S, Revocations
from cloud.accounts.user import Role, User
from cloud.kit.clock import Clock
from cloud.kit.crypto import load_or_create_secret
from cloud.kit.errors import UnauthenticatedError
from cloud.kit.ids import Ids

ALGORITHM: Final = "EdDSA"
AUDIENCE: Final = "curb"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - a media type
TOKEN_CHARS_MAX: Final = 4_096
VERIFIED_KEPT: Final = 10_000


class Claims(msgspec.Struct, frozen=True):
    """What an access token says; iat and exp in whole seconds since 1970."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    jti: UUID
    iat: int
    exp: int
    issued_ms: int
    roles: list[Role]


@dataclass(frozen=True)
class TokenKeys:
    """The signing keys by id; the newest signs, all verify."""

    keys: dict[str, Ed25519PrivateKey]

    @property
    def newest(self) -> str:
        """The id of the key that signs."""
        return max(self.keys, key=int)


def load_or_create_token_keys(keys_dir: Path) -> TokenKeys:
    """The keys in `tokens/<number>.pem`; the first is made on the very first start."""
    folder = keys_dir / "tokens"
    load_or_create_secret(folder / "1.pem", _new_key)
    keys: dict[str, Ed25519PrivateKey] = {}
    for path in folder.glob("*.pem"):
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{path} is not an Ed25519 key; tokens are signed with no other.")
        keys[path.stem] = key
    return TokenKeys(keys)


def _new_key() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class AccessTokens:
    """Makes access tokens and turns them back into users; implements `access.Authenticator`."""

    def __init__(
        self,
        keys: TokenKeys,
        revocations: Revocations,
        *,
        clock: Clock,
        ids: Ids,
        issuer: str,
        lifetime_s: int,
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._clock = clock
        self._ids = ids
        self._issuer = issuer
        self.lifetime_s = lifetime_s
        # Checking a signature costs more than the rest of many requests, and its result never
        # changes; whether the token has expired or is revoked is asked each time.
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    def make(self, user: User) -> str:
        """A token that says who the user is, for `lifetime_s` seconds."""
        now_ms = self._clock.now_ms()
        claims = Claims(
            iss=self._issuer,
            aud=AUDIENCE,
            sub=user.id,
            sid=user.login_id,
            jti=self._ids.new(),
            iat=now_ms // 1_000,
            exp=now_ms // 1_000 + self.lifetime_s,
            issued_ms=now_ms,
            roles=sorted(user.roles),
        )
        kid = self._keys.newest
        headers = {"kid": kid, "typ": TOKEN_TYPE}
        return jwt.encode(
            msgspec.to_builtins(claims),
            self._keys.keys[kid],
            algorithm=ALGORITHM,
            headers=headers,
        )

    async def authenticate(self, token: str) -> User:
        """The user of a token that is good and not revoked.

        Raises:
            UnauthenticatedError: it is not.
            UnavailableError: whether it is revoked cannot be known at the moment.
        """
        claims = self._verified.get(token) or self._remember(token, self._claims(token))
        now_s = self._clock.now_ms() // 1_000
        if now_s >= claims.exp:
            raise UnauthenticatedError("This access token has expired; refresh it.")
        if claims.iat > now_s + CLOCKS_APART_S:
            raise _refused()
        if await self._revocations.is_revoked(claims.sid, claims.sub, claims.issued_ms):
            raise UnauthenticatedError("This login ended or its rights changed; refresh or log in.")
        return User(claims.sub, claims.sid, frozenset(claims.roles))

    def _remember(self, token: str, claims: Claims) -> Claims:
        self._verified[token] = claims
        if len(self._verified) > VERIFIED_KEPT:
            self._verified.popitem(last=False)
        return claims

    def _claims(self, token: str) -> Claims:
        if len(token) > TOKEN_CHARS_MAX:
            raise _refused()
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TOKEN_TYPE:
                raise _refused()
            claims = jwt.decode(
                token,
                self._keys.keys[header["kid"]].public_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                # The caller compares the times, by the clock that was passed in.
                options={"verify_exp": False, "verify_iat": False},
            )
            return msgspec.convert(claims, Claims)
        except (KeyError, jwt.PyJWTError, msgspec.ValidationError) as error:
            raise _refused() from error


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("This access token is not one of ours; log in.")
