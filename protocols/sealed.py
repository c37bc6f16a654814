"""Sealed messages in typed form: encode and MAC, check and decode."""

from typing import Final, TypeVar

import msgspec

from protocols.portable import codes, macs, version

T = TypeVar("T")


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope: `body` is JSON text, `mac` the hex HMAC over domain and body as sent."""

    v: int
    body: str
    mac: str


class SealError(Exception):
    """A sealed message was refused; `code` is codes.REFUSED_MAC, _MALFORMED or _VERSION."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_ENVELOPE: Final = msgspec.json.Decoder(Sealed)


def seal(key: bytes, domain: bytes, body: msgspec.Struct) -> bytes:
    """The wire bytes of `body` sealed for one purpose (a macs prefix)."""
    text = msgspec.json.encode(body).decode()
    return msgspec.json.encode(
        Sealed(v=version.VERSION, body=text, mac=macs.seal(key, domain, text))
    )


def unseal(key: bytes, domain: bytes, payload: bytes, into: type[T]) -> T:
    """Check the MAC of `payload`, then decode its body.

    Raises:
        SealError: not an envelope, wrong version, wrong MAC, or a body that does not decode.
    """
    try:
        envelope = _ENVELOPE.decode(payload)
    except msgspec.MsgspecError as error:
        raise SealError(codes.REFUSED_MALFORMED, f"Not a sealed message: {error}.") from error
    if envelope.v != version.VERSION:
        raise SealError(
            codes.REFUSED_VERSION,
            f"Sealed message has version {envelope.v}; this side reads {version.VERSION}.",
        )
    if not macs.is_sealed(key, domain, envelope.body, envelope.mac):
        raise SealError(codes.REFUSED_MAC, "The MAC of a sealed message does not match its body.")
    try:
        return msgspec.json.decode(envelope.body, type=into)
    except msgspec.MsgspecError as error:
        raise SealError(
            codes.REFUSED_MALFORMED, f"Sealed body does not decode: {error}."
        ) from error
