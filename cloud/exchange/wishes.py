"""What goes into the sequencer and what comes out of it."""

from collections.abc import Callable
from typing import ClassVar

import msgspec

from cloud.kit.errors import AppError, UnavailableError
from trading.command_base import Command
from trading.event_base import Event


class Wish(msgspec.Struct, frozen=True, gc=False):
    """A command that waits for its number and its time.

    make: given them (sequence, at_ns), the command; called once, must not fail.
    client_order_ids: the trader's own names of the orders that the command places or replaces,
        in their order; "" or none where the trader gave none. One that was taken before, in the
        same portfolio, makes the whole wish a repeat: it never reaches the engine.
    portfolio_id: whose names those are; 0 is enough where none are given.
    source: who asked: "api", "ws", "venue"... ref: the asker's own number for it; comes back.
    """

    make: Callable[[int, int], Command]
    client_order_ids: tuple[str, ...] = ()
    portfolio_id: int = 0
    source: str = "api"
    ref: int = 0


class Receipt(msgspec.Struct, frozen=True):
    """What became of a wish, once that is durable.

    sequence, at_ns: the command's, or of a repeat, the first one's sequence (0 when that was
        before the last start) and the time of this answer.
    events: what the command caused; a refusal is one of them. Empty for a repeat.
    order_ids: the rows (`OrderRow.id`) of the orders that it placed, or of the row that goes on
        with a replaced order; of a repeat, those of then. Empty when it was refused.
    ref: the wish's.
    """

    sequence: int
    at_ns: int
    events: tuple[Event, ...]
    is_repeat: bool = False
    order_ids: tuple[int, ...] = ()
    ref: int = 0


class CommittedBatch(msgspec.Struct, frozen=True):
    """Commands that were applied and committed together.

    events: a list for each command; balances and positions, as they are after the whole batch,
        behind the last one's.
    wishes: what each command was made of, in the same order.
    order_rows: engine order id -> row, of orders that an event of this batch names and that had
        been replaced before it. All others had the row of their own number; an `OrderReplaced` in
        the batch gives its order the row `order_rows.replacement_row(event.sequence)` from there.
    """

    first_sequence: int
    last_sequence: int
    at_ns: int
    commands: list[Command]
    events: list[list[Event]]
    wishes: list[Wish]
    order_rows: dict[int, int]


class ExchangeUnavailable(UnavailableError):  # noqa: N818 -- a state, like ExchangeBusy
    """This process does not run the exchange now: another leads, or it starts or stops."""

    code: ClassVar[str] = "exchange_unavailable"

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message or "The exchange is not open in this process now; try again in a moment.",
            headers={"Retry-After": "1"},
        )


class ExchangeBusy(AppError):  # noqa: N818 -- as above
    """More wishes wait than the exchange will hold; nothing was done."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "exchange_busy"

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"{waiting} requests wait for the exchange already; send this one again in a moment.",
            headers={"Retry-After": "1"},
        )


class WishTooLarge(AppError):  # noqa: N818 -- as above
    """A number of the command does not fit the journal; nothing was done."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "number_too_large"
