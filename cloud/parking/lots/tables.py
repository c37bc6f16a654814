"""Lots, and how many cars are inside."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, SmallInteger, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class LotRow(SQLModel, table=True):
    """One car park and its policy; words as in lots/policy.py.

    early_grace_s, late_grace_s: before and after a booking's window that cost nothing.
    hold_s: how long a booking that is not confirmed keeps its space.
    """

    __tablename__: ClassVar[str] = "parking_lots"

    id: str = Field(primary_key=True, sa_type=Text)
    site: str = Field(foreign_key="sites.id", sa_type=Text, index=True)
    name: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    timezone: str = Field(sa_type=Text)
    currency: str = Field(sa_type=Text)
    mode: str = Field(sa_type=Text)
    walk_ups: str = Field(sa_type=Text)
    passback: str = Field(sa_type=Text)
    level_min: int = Field(sa_type=SmallInteger)
    stale: str = Field(sa_type=Text)
    max_age_s: int
    early_grace_s: int
    late_grace_s: int
    hold_s: int
    cancel_free_s: int
    cancel_late_percent: int = Field(sa_type=SmallInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)


class OccupancyRow(SQLModel, table=True):
    """Cars inside: entries - exits + correction, all since the lot was made.

    correction: what operators added after counting the cars.
    is_full: what the site was last told.
    """

    __tablename__: ClassVar[str] = "lot_occupancy"

    lot: str = Field(primary_key=True, foreign_key="parking_lots.id", sa_type=Text)
    entries: int = Field(sa_type=BigInteger)
    exits: int = Field(sa_type=BigInteger)
    correction: int = Field(sa_type=BigInteger)
    is_full: bool
    changed_at: datetime = Field(sa_type=UtcDateTime)
