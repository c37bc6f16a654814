"""Splits as they happened, which no portfolio's own activity tells: statements replay them."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class UnitSplitRow(SQLModel, table=True):
    """Every old `denominator` units became `numerator`; the sequencer writes it with its batch."""

    __tablename__: ClassVar[str] = "unit_splits"

    sequence: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_type=UtcDateTime)
    instrument_id: int = Field(sa_type=BigInteger)
    numerator: int = Field(sa_type=Integer)
    denominator: int = Field(sa_type=Integer)
