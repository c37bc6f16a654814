from collections.abc import Iterable
from typing import Final

from protocols.portable.access import Lot

MAGIC: Final[bytes]
HEADER: Final[str]
HEADER_BYTES: Final[int]
ENTRY: Final[str]
ENTRY_BYTES: Final[int]

class ListError(Exception): ...

def pack(
    version: int,
    issued_s: int,
    expires_s: int,
    direction: int,
    lot_id: str,
    lot: Lot,
    entries: Iterable[tuple[bytes, int, int, int]],
    key: bytes,
) -> bytes: ...

class PackedList:
    version: int
    issued_s: int
    expires_s: int
    count: int
    direction: int
    lot: Lot
    lot_id: str
    hash: str
    def __init__(self, data: bytes, key: bytes) -> None: ...
    def rights(self, tag: bytes) -> list[tuple[int, int, int]]: ...
