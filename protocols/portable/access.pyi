from collections.abc import Sequence
from typing import Final

KIND_MASK: Final = 0x03
FLAG_ENTRY: Final = 0x04
FLAG_EXIT: Final = 0x08
FLAG_BLOCKED: Final = 0x10
FLAG_OTHER_LOT: Final = 0x20
FLAG_SECURED: Final = 0x40
FOREVER_S: Final = 0xFFFFFFFF

class Lot:
    state: int
    walk_ups: int
    passback: int
    level_min: int
    stale: int
    def __init__(
        self,
        state: int = ...,
        walk_ups: int = ...,
        passback: int = ...,
        level_min: int = ...,
        stale: int = ...,
    ) -> None: ...

def decide(
    direction: int,
    vehicle: bool,
    read: int,
    level: int,
    copied: bool | None,
    rights: Sequence[tuple[int, int, int]],
    now_s: int | None,
    lot: Lot,
    inside: bool | None,
    stale: bool,
) -> tuple[str, int]: ...
