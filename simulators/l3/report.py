"""What a replay found, for people and as JSON: our trades and end book against the recorded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from simulators.l3.recording import Level, read_book, read_messages, scale_of
from simulators.l3.replay import Replay


@dataclass(frozen=True, slots=True)
class SessionReport:
    """One session; `differences` has the first few, in words.

    book_levels: how many recorded levels the end book was held against; 0 where none are recorded.
    """

    session: str
    submitted: int
    cancelled: int
    trades: int
    recorded_trades: int
    book_levels: int
    gaps: list[tuple[int, int]]
    set_right: int
    refused: int
    differences: list[str]

    @property
    def is_equal(self) -> bool:
        """Whether trades and end book are the recorded ones."""
        return not self.differences and not self.refused

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {**asdict(self), "is_equal": self.is_equal}

    def sentences(self) -> list[str]:
        """The same for a person."""
        told = [
            f"{self.session}: {self.submitted} orders and {self.cancelled} cancels in, "
            f"{self.trades} trades out of {self.recorded_trades} recorded, "
            f"{self.book_levels} book levels compared: "
            f"{'equal' if self.is_equal else 'DIFFERENT'}."
        ]
        told += [
            f"  messages {first} to {last} are missing from the recording ({last - first + 1})."
            for first, last in self.gaps
        ]
        if self.set_right:
            told.append(f"  {self.set_right} orders of before, or of a gap, were set right.")
        if self.refused:
            told.append(f"  {self.refused} orders were refused by the engine.")
        return told + [f"  {difference}" for difference in self.differences]


def replay_session(path: Path, differences_max: int = 10) -> SessionReport:
    """Replay one session file up to where its book was recorded, or to its end.

    Raises:
        OSError: the file cannot be read.
        ValueError, KeyError: it is no recording of this format.
    """
    recorded = read_book(path)
    replay = Replay(scale_of(read_messages(path)))
    replay.run(read_messages(path), until=None if recorded is None else recorded.sequence)
    differences = [
        f"trade {number}: ours {ours}, recorded {theirs}"
        for number, (ours, theirs) in enumerate(
            zip_longest(replay.venue.trades, replay.recorded), 1
        )
        if ours != theirs
    ]
    if recorded is not None:
        bids, asks = replay.venue.book()
        differences += _differing("bid", bids, recorded.bids)
        differences += _differing("ask", asks, recorded.asks)
        if recorded.sequence > replay.sequence:
            differences.append(
                f"the recording ends at {replay.sequence}, before its book ({recorded.sequence})"
            )
    return SessionReport(
        session=path.name,
        submitted=replay.venue.submitted,
        cancelled=replay.venue.cancelled,
        trades=len(replay.venue.trades),
        recorded_trades=len(replay.recorded),
        book_levels=0 if recorded is None else len(recorded.bids) + len(recorded.asks),
        gaps=replay.gaps,
        set_right=replay.set_right,
        refused=len(replay.venue.refusals),
        differences=differences[:differences_max],
    )


def _differing(side: str, ours: Sequence[Level], recorded: Sequence[Level]) -> list[str]:
    return [
        f"{side} {number}: ours {one}, recorded {other}"
        for number, (one, other) in enumerate(zip_longest(ours[: len(recorded)], recorded), 1)
        if one != other
    ]
