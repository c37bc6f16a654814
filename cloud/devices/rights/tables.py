"""A site's rights: the published list, the changes not yet in it, and the last versions.

Tags stand here as tag keys (macs.tag_key), which is also what sites and gates hold; a sealed
column would have to be opened 100,000 times for one full list and hide nothing from a site.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class SiteRightRow(SQLModel, table=True):
    """One right in the newest version of its site's list; fields of protocols.site.Right."""

    __tablename__ = "site_rights"

    site: str = Field(primary_key=True, foreign_key="sites.id", sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    tag: str = Field(sa_type=Text)
    lot: str = Field(sa_type=Text)
    flags: int
    from_s: int = Field(sa_type=BigInteger)
    until_s: int = Field(sa_type=BigInteger)


class PendingRightRow(SQLModel, table=True):
    """The last wish for one right that no version contains yet; `removed` means a tombstone."""

    __tablename__ = "site_rights_pending"

    site: str = Field(primary_key=True, foreign_key="sites.id", sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    removed: bool
    tag: str = Field(sa_type=Text)
    lot: str = Field(sa_type=Text)
    flags: int
    from_s: int = Field(sa_type=BigInteger)
    until_s: int = Field(sa_type=BigInteger)


class RightsVersionRow(SQLModel, table=True):
    """One of the last versions of a site's list; the highest is the current one.

    delta: JSON of rights.rules.Delta, what this version changed; None when that was too much for
        one message, so that whoever lacks this version needs the whole list.
    """

    __tablename__ = "site_rights_versions"

    site: str = Field(primary_key=True, foreign_key="sites.id", sa_type=Text)
    version: int = Field(primary_key=True, sa_type=BigInteger)
    hash: str = Field(sa_type=Text)
    count: int = Field(sa_type=BigInteger)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    delta: str | None = Field(default=None, sa_type=Text)
