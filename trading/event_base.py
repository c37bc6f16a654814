"""What every event has in common; the events themselves are in `events`."""

from typing import ClassVar, Final

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class Event:
    """A fact, caused by the command of that `sequence`."""

    KIND: ClassVar[int] = 0

    def __init__(self, sequence: int) -> None:
        self.sequence: Final[int] = sequence

    def as_tuple(self) -> tuple[object, ...]:
        """The constructor's arguments in order, values inside them as tuples too."""
        return self._fields()

    def _fields(self) -> tuple[object, ...]:
        return (self.sequence,)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Event)
            and self.KIND == other.KIND
            and self.as_tuple() == other.as_tuple()
        )

    def __hash__(self) -> int:
        return hash((self.KIND, self.as_tuple()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.as_tuple()!r}"
