"""Floors and spaces."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, Column, Text, UniqueConstraint
from sqlmodel import Field, SQLModel


class FloorRow(SQLModel, table=True):
    """One floor; number 0 is the one of the entry."""

    __tablename__: ClassVar[str] = "parking_floors"
    __table_args__ = (UniqueConstraint("lot", "number"),)

    id: UUID = Field(primary_key=True)
    lot: str = Field(foreign_key="parking_lots.id", sa_type=Text)
    number: int
    name: str = Field(sa_type=Text)


class SpaceRow(SQLModel, table=True):
    """One space; `name` is what is painted on the ground."""

    __tablename__: ClassVar[str] = "parking_spaces"
    __table_args__ = (UniqueConstraint("lot", "name"),)

    id: UUID = Field(primary_key=True)
    lot: str = Field(foreign_key="parking_lots.id", sa_type=Text)
    floor_id: UUID = Field(foreign_key="parking_floors.id", index=True)
    name: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    features: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    state: str = Field(sa_type=Text)
