"""Plain values to bytes and back, the same bytes for the same value on every machine and version.

Journals, snapshots and the state hash rest on it. Values are ints of any size, bools, strings,
None and tuples of them. The tags are stored: never give one another meaning.
"""

from typing import Final

_NONE: Final = 0
_FALSE: Final = 1
_TRUE: Final = 2
_POSITIVE: Final = 3
_NEGATIVE: Final = 4
_TEXT: Final = 5
_TUPLE: Final = 6
# From here on the tag is itself a small number, the commonest case: one byte for 0 to 247.
_SMALL: Final = 8
_SMALL_MAX: Final = 255 - _SMALL


def to_bytes(value: object) -> bytes:
    """The value's one encoding; `from_bytes` reads it."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def from_bytes(data: bytes) -> object:
    """The value that `to_bytes` made this of."""
    value, end = _read(data, 0)
    assert end == len(data), "bytes behind the value"
    return value


def _write(out: bytearray, value: object) -> None:
    # bool before int: it is one.
    if isinstance(value, bool):
        out.append(_TRUE if value else _FALSE)
    elif isinstance(value, int):
        _write_int(out, value)
    elif isinstance(value, str):
        text = value.encode()
        out.append(_TEXT)
        _write_size(out, len(text))
        out += text
    elif isinstance(value, (tuple, list)):
        out.append(_TUPLE)
        _write_size(out, len(value))
        for item in value:
            _write(out, item)
    else:
        assert value is None, "no plain value"
        out.append(_NONE)


def _write_int(out: bytearray, value: int) -> None:
    if 0 <= value <= _SMALL_MAX:
        out.append(_SMALL + value)
        return
    size = abs(value)
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    out.append(_POSITIVE if value > 0 else _NEGATIVE)
    _write_size(out, len(digits))
    out += digits


def _write_size(out: bytearray, size: int) -> None:
    while size >= 128:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)


def _read_size(data: bytes, at: int) -> tuple[int, int]:
    size = 0
    shift = 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 127) << shift
        if byte < 128:
            return size, at
        shift += 7


def _read(data: bytes, at: int) -> tuple[object, int]:
    tag = data[at]
    at += 1
    if tag >= _SMALL:
        return tag - _SMALL, at
    if tag == _NONE:
        return None, at
    if tag in (_FALSE, _TRUE):
        return tag == _TRUE, at
    size, at = _read_size(data, at)
    if tag == _TUPLE:
        items: list[object] = []
        for _ in range(size):
            item, at = _read(data, at)
            items.append(item)
        return tuple(items), at
    end = at + size
    if tag == _TEXT:
        return data[at:end].decode(), end
    number = int.from_bytes(data[at:end], "big")
    return (number if tag == _POSITIVE else -number), end
