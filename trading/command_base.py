"""What every command has in common; the commands themselves are in `commands`."""

from typing import ClassVar, Final

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class Command:
    """One wish; `Engine.apply` answers it with events."""

    KIND: ClassVar[int] = 0

    def __init__(self, sequence: int, at_ns: int) -> None:
        self.sequence: Final[int] = sequence
        self.at_ns: Final[int] = at_ns

    def as_tuple(self) -> tuple[object, ...]:
        """The constructor's arguments in order, values inside them as tuples too."""
        return self._fields()

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Command)
            and self.KIND == other.KIND
            and self.as_tuple() == other.as_tuple()
        )

    def __hash__(self) -> int:
        return hash((self.KIND, self.as_tuple()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.as_tuple()!r}"
