"""What the agent knows of each gate, and the knowledge it decides from."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from edge_agent.book import Statement
from edge_agent.index import RightsIndex
from edge_agent.picture import Picture
from edge_agent.rights import ListState

EventKey: TypeAlias = tuple[int, int]
"""(boot, seq) of a gate's event."""
NO_KEY: Final[EventKey] = (-1, -1)


@dataclass
class GateState:
    """One gate. Of its events `taken` is safe in the store, `posted` on its way there.

    heard_ms: wall time of its last word; heard_up_ms: the same by the clock that passes by itself.
    is_silent: said to be online, yet not heard for so long that it counts as gone.
    """

    is_online: bool = False
    boot: int = -1
    heard_ms: int | None = None
    heard_up_ms: int | None = None
    is_silent: bool = False
    report: dict[str, Any] | None = None
    taken: EventKey = NO_KEY
    posted: EventKey = NO_KEY


class GateStates(dict[str, GateState]):
    """By gate id; an unknown one starts offline."""

    def __missing__(self, gate: str) -> GateState:
        """A gate that was never heard of."""
        self[gate] = GateState()
        return self[gate]


@dataclass(frozen=True)
class Knowledge:
    """What decisions look into; the parts are replaced by whoever learns something newer."""

    picture: Picture
    rights: RightsIndex
    state: ListState


def load_states(connection: sqlite3.Connection) -> GateStates:
    """The gates as they were when the agent last ran."""
    states = GateStates()
    for gate, is_online, boot in connection.execute("SELECT gate, is_online, boot FROM gates"):
        states[gate] = GateState(is_online=bool(is_online), boot=boot)
    for gate, boot, seq in connection.execute("SELECT device, boot, seq FROM heard"):
        states[gate].taken = states[gate].posted = (boot, seq)
    return states


def heard(gate: str, key: EventKey) -> Statement:
    """Stores how far a gate's events are taken."""
    return (
        "INSERT INTO heard VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET boot = excluded.boot, "
        "seq = excluded.seq",
        (gate, *key),
    )


def presence(gate: str, state: GateState) -> Statement:
    """Stores whether a gate is there, so that a restart does not tell of it again."""
    return (
        "INSERT INTO gates VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
        "is_online = excluded.is_online, boot = excluded.boot",
        (gate, state.is_online, state.boot),
    )


def execute(connection: sqlite3.Connection, statements: list[Statement]) -> None:
    """Run statements, as work for the store."""
    for sql, values in statements:
        connection.execute(sql, values)
