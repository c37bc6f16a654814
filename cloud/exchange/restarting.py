"""A mistake in what is shown of the market: it must not stop trade, nor be shown on as the truth.

Whatever hears committed batches hears them through this. A listener that breaks is closed at once,
so that nobody reads from it what may be wrong; begins anew from what is committed; and is counted.
Its readers are told to come again by the listener itself, where it closes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, ParamSpec, TypeVar

import structlog
from prometheus_client import Counter

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.wishes import CommittedBatch
from trading import Engine

log = structlog.get_logger()

APART_S: Final = 1.0
"""A listener that breaks again sooner stays closed so long: beginning anew costs matching time."""

RESTARTED: Final = Counter(
    "curb_exchange_listener_restarted",
    "How often something that shows the market broke and began anew.",
    ["listener"],
)

_BROKE: Final = "exchange_listener_broke"

Heard = ParamSpec("Heard")
Picture = TypeVar("Picture")
Later = Callable[[float, Callable[[], None]], object]


def _in_the_loop(seconds: float, call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, call)


def _nothing() -> None:
    """What a listener that nobody reads from does to close."""


class Guard:
    """Where mistakes of one thing end: they are logged and counted, and it begins anew.

    name: in the metric and the log. begin_again: what there is to do about it; must not raise.
    """

    def __init__(self, name: str, begin_again: Callable[[], None] = _nothing) -> None:
        self.name = name
        self._begin_again = begin_again
        self._restarted = RESTARTED.labels(name)  # From here on it is shown, as 0.

    @contextmanager
    def over(self) -> Iterator[None]:
        """What the block raises ends with it; cancellation goes on."""
        try:
            yield
        except Exception:
            log.exception(_BROKE, listener=self.name)
            self.broke()

    def broke(self) -> None:
        """Count it, and begin again."""
        self._restarted.inc()
        self._begin_again()


class Restarting(Guard, Generic[Heard]):
    """A listener that can be called with anything and never raises.

    begin_anew: begins from what is committed now, which has every batch heard so far in it; False
        if that cannot be had before the next batch is heard.
    close: lets nobody read any more until it has begun anew.
    """

    def __init__(
        self,
        name: str,
        hear: Callable[Heard, None],
        *,
        begin_anew: Callable[[], bool],
        close: Callable[[], None] = _nothing,
        later: Later = _in_the_loop,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, self._broke)
        self.hear = hear
        self.is_open = False
        self._begin_anew = begin_anew
        self._close = close
        self._later = later
        self._now_s = now_s
        self._began_s = float("-inf")
        self._is_resting = False

    def __call__(self, *args: Heard.args, **kwargs: Heard.kwargs) -> None:
        """Hear of it; whatever is wrong with that ends here."""
        if not self.is_open:
            # What it begins from has this in it already.
            self._begin()
            return
        # As `over` does, which costs several times as much as most of what is called here.
        try:
            self.hear(*args, **kwargs)
        except Exception:
            log.exception(_BROKE, listener=self.name)
            self.broke()

    def begin(self) -> None:
        """Begin, or begin anew where nothing broke: what it followed has begun anew."""
        self._shut()
        self._begin()

    def _broke(self) -> None:
        self._shut()
        if self._now_s() - self._began_s >= APART_S:
            self._begin()
        elif not self._is_resting:
            self._is_resting = True
            self._later(APART_S, self._has_rested)

    def _shut(self) -> None:
        self.is_open = False
        try:
            self._close()
        except Exception:
            # It is closed all the same for whoever asks; nothing more can be done about it here.
            log.exception("exchange_listener_not_closed", listener=self.name)

    def _has_rested(self) -> None:
        self._is_resting = False
        if not self.is_open:
            self._begin()

    def _begin(self) -> None:
        if self._is_resting:
            return
        began_s, self._began_s = self._began_s, self._now_s()
        with self.over():
            self.is_open = self._begin_anew()
            if not self.is_open:
                self._began_s = began_s


class _Committed(Generic[Picture]):
    """Begins a listener from the engine, but never shows what is not committed.

    Under load the engine is one batch ahead of the database. So it is copied as it is, and
    what was copied is shown when that batch has been committed: a moment later, or never.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        copy: Callable[[Engine], Picture],
        begin: Callable[[Picture], None],
    ) -> None:
        self._sequencer = sequencer
        self._copy = copy
        self._begin = begin
        self._copied: tuple[int, Picture] | None = None

    def __call__(self) -> bool:
        engine, committed = self._sequencer.engine, self._sequencer.committed_sequence
        if self._copied is None or self._copied[0] < committed:
            self._copied = engine.sequence, self._copy(engine)
        sequence, picture = self._copied
        if sequence != committed:
            return False
        self._copied = None
        self._begin(picture)
        return True


def follow_batches(
    sequencer: Sequencer,
    name: str,
    hear: Callable[[CommittedBatch], None],
    *,
    copy: Callable[[Engine], Picture],
    begin: Callable[[Picture], None],
    close: Callable[[], None] = _nothing,
) -> Restarting[[CommittedBatch]]:
    """Join a listener to the sequencer, whenever this process leads.

    copy: takes what the listener begins from out of an engine, and keeps nothing that changes with
        it. begin: begins from that; the next batch heard is the one behind it.
    """
    listener = Restarting(name, hear, begin_anew=_Committed(sequencer, copy, begin), close=close)
    sequencer.on_lead(lambda _engine: listener.begin())
    sequencer.subscribe(listener)
    if sequencer.is_leading:
        listener.begin()
    return listener


async def keep_running(
    run: Callable[[], Awaitable[None]],
    guard: Guard,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run what shows the market beside it, again where it breaks, until cancelled."""
    while True:
        end_if_cancelled()
        with guard.over():
            await run()
        await sleep(APART_S)
