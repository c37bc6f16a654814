"""The messages of order entry: JSON text, one message a frame from the client, lists from us.

A number of the client's own, `ref`, comes back with the answer to what it was sent with.
"""

from enum import StrEnum
from typing import Final

import msgspec

from cloud.exchange.orders.forms import OrderForm, ReplaceForm
from cloud.exchange.updates.messages import Place, Start

FRAME_BYTES_MAX: Final = 16 * 1024
REF_MAX: Final = (1 << 53) - 1
"""What every JSON library counts exactly."""


class Authenticate(msgspec.Struct, frozen=True, tag_field="t", tag="auth"):
    """The first message: an API key with its secret, or an access token and the portfolio."""

    key: str = ""
    secret: str = ""
    token: str = ""
    portfolio: str | None = None


class PlaceOrder(msgspec.Struct, frozen=True, tag_field="t", tag="place"):
    """Place an order; `order` is what `POST /v2/orders` takes."""

    ref: int
    order: OrderForm


class Replace(msgspec.Struct, frozen=True, tag_field="t", tag="replace"):
    """Change an order, named by its id or its client_order_id; as `PATCH /v2/orders/{id}`."""

    ref: int
    change: ReplaceForm
    id: str = ""
    client_order_id: str = ""


class Cancel(msgspec.Struct, frozen=True, tag_field="t", tag="cancel"):
    """Cancel an order, named by its id or its client_order_id."""

    ref: int
    id: str = ""
    client_order_id: str = ""


class CancelAll(msgspec.Struct, frozen=True, tag_field="t", tag="cancel_all"):
    """Cancel every live order of the portfolio, or those in one symbol."""

    ref: int
    symbol: str = ""


class Listen(msgspec.Struct, frozen=True, tag_field="t", tag="listen"):
    """Hear what happens to all orders of the portfolio, in the frames of `/stream`.

    resume: the place last seen, here or there; what followed it comes first, or a snapshot.
    """

    ref: int = 0
    resume: Place | None = None
    snapshot: bool = False


class Ping(msgspec.Struct, frozen=True, tag_field="t", tag="ping"):
    """Answered at once with a pong of the same ref."""

    ref: int = 0


Request = PlaceOrder | Replace | Cancel | CancelAll | Listen | Ping
FromClient = Authenticate | Request


class Welcome(msgspec.Struct, frozen=True, tag_field="t", tag="welcome"):
    """Authenticated. sequence: the last command of the venue that is durable."""

    portfolio: str
    sequence: int
    heartbeat_s: int
    in_flight_max: int


class Ack(msgspec.Struct, frozen=True, tag_field="t", tag="ack", omit_defaults=True):
    """Done, and durable. seq: the command's number in the venue.

    id: of the order placed, or the one that goes on after a replacement; legs: of the others.
    status: of the order after all that the command did. filled_qty, filled_value: what it traded
        by this command; the value in the currency's minor units, without fees.
    orders: how many orders were cancelled. is_repeat: this client_order_id had been taken before,
        nothing was done; `id` is the order of then.
    """

    ref: int
    seq: int
    id: str = ""
    legs: tuple[str, ...] = ()
    status: str = ""
    filled_qty: int = 0
    filled_value: int = 0
    orders: int = 0
    is_repeat: bool = False


class Listening(msgspec.Struct, frozen=True, tag_field="t", tag="listening"):
    """Updates come from now on; the next one's `seq` is one more than this."""

    ref: int
    epoch: str
    seq: int
    start: Start


class Refused(msgspec.Struct, frozen=True, tag_field="t", tag="refused", omit_defaults=True):
    """Not done, and why. code: stable, for programs; seq: 0 where the engine never saw it."""

    ref: int
    code: str
    message: str
    seq: int = 0


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    """The answer to a ping, also one of ours when nothing was to be said for a while."""

    ref: int


class Ended(msgspec.Struct, frozen=True, tag_field="t", tag="ended"):
    """The last message of a connection that this side ends."""

    code: str
    message: str


ToClient = Welcome | Ack | Listening | Refused | Pong | Ended


class EndCode(StrEnum):
    """Why this side ends a connection."""

    AUTH_REQUIRED = "auth_required"
    AUTH_FAILED = "auth_failed"
    AUTH_TIMEOUT = "auth_timeout"
    REVOKED = "revoked"
    TOO_LARGE = "too_large"
    SLOW_CONSUMER = "slow_consumer"
    SILENT = "silent"
    UNAVAILABLE = "unavailable"
    SHUTTING_DOWN = "shutting_down"


CLOSE_CODES: Final[dict[EndCode, int]] = {
    EndCode.AUTH_REQUIRED: 4401,
    EndCode.AUTH_FAILED: 4401,
    EndCode.AUTH_TIMEOUT: 4408,
    EndCode.REVOKED: 4401,
    EndCode.TOO_LARGE: 1009,
    EndCode.SLOW_CONSUMER: 4429,
    EndCode.SILENT: 4408,
    EndCode.UNAVAILABLE: 1013,
    EndCode.SHUTTING_DOWN: 1012,
}


class MalformedMessageError(Exception):
    """The frame is no message of order entry; the text says what is wrong with it."""


_decoder: Final = msgspec.json.Decoder(FromClient)
_encoder: Final = msgspec.json.Encoder()


class _Ref(msgspec.Struct):
    ref: int = 0


_ref_decoder: Final = msgspec.json.Decoder(_Ref)


def decode(frame: str | bytes) -> FromClient:
    """The message in a frame.

    Raises:
        MalformedMessageError: it is none.
    """
    try:
        message: FromClient = _decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        is_json = isinstance(error, msgspec.ValidationError)
        problem = str(error) if is_json else "The frame is not JSON that can be read"
        raise MalformedMessageError(f"{problem}.") from error
    if not isinstance(message, Authenticate) and not 0 <= message.ref <= REF_MAX:
        raise MalformedMessageError(f"ref must be an integer from 0 to {REF_MAX}.")
    return message


def ref_of(frame: str | bytes) -> int:
    """The ref of a frame that is no message, if it has one; 0 otherwise."""
    try:
        ref = _ref_decoder.decode(frame).ref
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return 0
    return ref if 0 <= ref <= REF_MAX else 0


def encode(message: ToClient) -> bytes:
    """One message, to be put into a frame by `frame_of`."""
    return _encoder.encode(message)


def frame_of(messages: list[bytes]) -> str:
    """The frame with these messages."""
    return f"[{b','.join(messages).decode()}]"
