"""What hears a sequencer's batches, by its name: a test has no other way into a running venue."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cloud.exchange.restarting import Restarting
from cloud.exchange.sequencer import Sequencer


def listener(sequencer: Sequencer, name: str) -> Restarting[Any]:
    """Of the sequencer, or of the picture of all portfolios that hears it."""
    own = {one.name: one for one in sequencer._listeners if isinstance(one, Restarting)}
    if name in own:
        return own[name]
    live: Any = own["portfolios"].hear.__self__  # type: ignore[attr-defined] # a bound method
    return next(one for one in live._listeners if one.name == name)


def owner(sequencer: Sequencer, name: str) -> Any:
    """The object whose method listens."""
    hear: Any = listener(sequencer, name).hear
    return hear.__self__


@contextmanager
def broken(sequencer: Sequencer, name: str, what: str) -> Iterator[None]:
    """Within the block, this method of what listens is a mistake; it need not rest from one."""
    one, mine = listener(sequencer, name), owner(sequencer, name)

    def mistake(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    one._began_s = float("-inf")
    whole = getattr(mine, what)
    setattr(mine, what, mistake)
    if one.hear == whole:
        one.hear = mistake
    try:
        yield
    finally:
        setattr(mine, what, whole)
        if one.hear == mistake:
            one.hear = whole
        one._began_s = float("-inf")
