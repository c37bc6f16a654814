"""What the business above says about rights: who may pass where. Delivery is publisher.py's matter.

Call it in the transaction of the fact (a booking confirmed, a tag blocked): the wish is kept if and
only if the fact is. A burst of wishes becomes one version of the site's list.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlmodel import col, select

from cloud.devices.rights.tables import PendingRightRow, SiteRightRow
from cloud.devices.wake import Wake, Work
from cloud.kit.database import AsyncSession
from protocols.site import Right

_WISH: Final = text("""
INSERT INTO site_rights_pending (site, id, removed, tag, lot, flags, from_s, until_s)
SELECT :site, *
FROM unnest(CAST(:id AS text[]), CAST(:removed AS boolean[]), CAST(:tag AS text[]),
            CAST(:lot AS text[]), CAST(:flags AS integer[]), CAST(:from_s AS bigint[]),
            CAST(:until_s AS bigint[]))
ON CONFLICT (site, id) DO UPDATE SET
    removed = excluded.removed, tag = excluded.tag, lot = excluded.lot, flags = excluded.flags,
    from_s = excluded.from_s, until_s = excluded.until_s
""")


class RightsService:
    """Takes wishes for sites' rights lists."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake

    async def replace(
        self, session: AsyncSession, site: str, right_id: str, right: Right | None
    ) -> None:
        """Make this right part of the site's list, in place of any with its id; None removes it."""
        await self.replace_many(session, site, {right_id: right})

    async def replace_many(
        self, session: AsyncSession, site: str, rights: Mapping[str, Right | None]
    ) -> None:
        """The same for many at once; 100,000 take a second or two."""
        assert all(right is None or right.id == id_ for id_, right in rights.items())
        if not rights:
            return
        # Sorted, so that two transactions with the same ids wait for each other, never deadlock.
        ids = sorted(rights)
        wishes = [rights[id_] or _tombstone(id_) for id_ in ids]
        columns = {
            "site": site,
            "id": ids,
            "removed": [rights[id_] is None for id_ in ids],
            "tag": [right.tag for right in wishes],
            "lot": [right.lot for right in wishes],
            "flags": [right.flags for right in wishes],
            "from_s": [right.from_s for right in wishes],
            "until_s": [right.until_s for right in wishes],
        }
        await session.execute(_WISH, columns)
        self._wake.after_commit(session, Work.RIGHTS, site)

    async def ids(self, session: AsyncSession, site: str) -> set[str]:
        """The ids the site's list will have once every wish is published: to compare with."""
        ids = set(
            await session.scalars(select(SiteRightRow.id).where(col(SiteRightRow.site) == site))
        )
        for row in await session.scalars(
            select(PendingRightRow).where(col(PendingRightRow.site) == site)
        ):
            if row.removed:
                ids.discard(row.id)
            else:
                ids.add(row.id)
        return ids


def _tombstone(id_: str) -> Right:
    return Right(id=id_, tag="", lot="", flags=0, from_s=0, until_s=0)
