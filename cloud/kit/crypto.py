"""AES-256 for personal fields at rest, and a blind index to find them again.

The row's own key is part of what is authenticated, so a value copied to another row, column or
table does not open there. A SQLAlchemy column type cannot know that key (it sees one value at a
time); that is why services seal and open fields with `FieldCipher`, and tables hold plain `bytes`.
"""

import hmac
import os
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_FORMAT: Final = 1
_HEAD: Final = struct.Struct(f">BI{NONCE_BYTES}s")


class SealBrokenError(Exception):
    """A stored field does not open: edited, moved from another row, or its key is gone."""


@dataclass(frozen=True)
class Place:
    """Where a sealed value stands; it opens nowhere else."""

    table: str
    column: str
    row: UUID | str

    def aad(self) -> bytes:
        """The bytes that are authenticated beside the value."""
        return "\x00".join(("curb field 1", self.table, self.column, str(self.row))).encode()


class FieldCipher:
    """Seals with the newest key, opens with any.

    keys: key id (0 to 2**32-1) -> 32 bytes; the highest id is used for new values.
    index_key: 32 bytes of its own; changing it means computing every blind index anew.
    random_bytes: nonces; 12 random bytes are safe for 2**32 values a key (NIST SP 800-38D, 8.3).
    """

    def __init__(
        self,
        keys: Mapping[int, bytes],
        index_key: bytes,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in (*keys.values(), index_key)):
            raise ValueError("Field keys are 32 bytes each, and there is at least one.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = max(keys)
        self._index_key = index_key
        self._random_bytes = random_bytes

    def seal(self, place: Place, text: str) -> bytes:
        """The bytes to store: format, key id, nonce, ciphertext and tag."""
        nonce = self._random_bytes(NONCE_BYTES)
        head = _HEAD.pack(_FORMAT, self._newest, nonce)
        return head + self._ciphers[self._newest].encrypt(nonce, text.encode(), place.aad())

    def open(self, place: Place, sealed: bytes) -> str:
        """The text again.

        Raises:
            SealBrokenError: it was edited or moved, or its key is not here.
        """
        try:
            form, key_id, nonce = _HEAD.unpack_from(sealed)
            if form != _FORMAT:
                raise SealBrokenError(
                    f"{place.table}.{place.column} has the unknown format {form}."
                )
            plain = self._ciphers[key_id].decrypt(nonce, sealed[_HEAD.size :], place.aad())
        except (KeyError, InvalidTag, struct.error) as error:
            raise SealBrokenError(
                f"{place.table}.{place.column} of row {place.row} does not open."
            ) from error
        return plain.decode()

    def blind_index(self, table: str, column: str, normalised: str) -> bytes:
        """32 bytes that are equal for equal values of one column, and say nothing else about them.

        normalised: the caller's one spelling of the value (lower case, no blanks).
        """
        message = "\x00".join(("curb index 1", table, column, normalised)).encode()
        return hmac.digest(self._index_key, message, "sha256")


def load_or_create_cipher(keys_dir: Path) -> FieldCipher:
    """The cipher of this installation; on the very first start its keys are made.

    A new key is added by putting 32 random bytes into `fields/<next number>.key`.
    """
    fields_dir = keys_dir / "fields"
    load_or_create_secret(fields_dir / "1.key")
    keys = {int(path.stem): path.read_bytes() for path in fields_dir.glob("*.key")}
    return FieldCipher(keys, load_or_create_secret(keys_dir / "blind-index.key"))


def load_or_create_secret(
    path: Path, make: Callable[[], bytes] = lambda: secrets.token_bytes(KEY_BYTES)
) -> bytes:
    """The secret in this file; made on the first call, readable by its owner only.

    Several processes may call this at once: one of them makes the file, all read the same one.
    """
    if not path.exists():
        _make_private(path.parent)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails if another process was first; then theirs is the secret
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


def _make_private(folder: Path) -> None:
    """Like `mkdir(parents=True)`, which would leave the parents open to everybody."""
    for missing in reversed([folder, *folder.parents]):
        if not missing.exists():
            missing.mkdir(mode=0o700, exist_ok=True)
