"""The HMAC keys of sites and cards: made once, sealed at rest, opened only to be used."""

import secrets
from collections.abc import Callable
from typing import Final

from sqlalchemy.dialects.postgresql import insert

from cloud.devices.sites.tables import DeploymentSecretRow
from cloud.kit.crypto import FieldCipher, Place
from cloud.kit.database import AsyncSession

KEY_BYTES: Final = 32
_CARD_MASTER: Final = "card_master_key"

RandomBytes = Callable[[int], bytes]


class DeviceKeys:
    """Makes, seals and opens keys."""

    def __init__(
        self, cipher: FieldCipher, random_bytes: RandomBytes = secrets.token_bytes
    ) -> None:
        self._cipher = cipher
        self._random_bytes = random_bytes

    def new_site_key(self, site: str) -> bytes:
        """A fresh site key, sealed for its row."""
        return self._cipher.seal(_site_place(site), self._random_bytes(KEY_BYTES).hex())

    def open_site_key(self, site: str, sealed: bytes) -> bytes:
        """The 32 bytes of a site's key."""
        return bytes.fromhex(self._cipher.open(_site_place(site), sealed))

    async def card_master_key(self, session: AsyncSession) -> bytes:
        """The key that Level 1 cards derive theirs from; made at the first call."""
        place = Place("deployment_secrets", "sealed", _CARD_MASTER)
        row = await session.get(DeploymentSecretRow, _CARD_MASTER)
        if row is None:
            sealed = self._cipher.seal(place, self._random_bytes(KEY_BYTES).hex())
            await session.execute(
                insert(DeploymentSecretRow)
                .values(name=_CARD_MASTER, sealed=sealed)
                .on_conflict_do_nothing()
            )
            # Another process may have been first; whichever row is there is the key.
            row = await session.get_one(DeploymentSecretRow, _CARD_MASTER)
        return bytes.fromhex(self._cipher.open(place, row.sealed))


def _site_place(site: str) -> Place:
    return Place("sites", "site_key_sealed", site)
