"""The outbox, what each group has consumed, and the dead letters."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Text, func
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class OutboxRow(SQLModel, table=True):
    """One event, written in the transaction of its fact.

    at: when it happened, by the cloud's clock; written_at: by the database's.
    batch: the relay's number of the publication this row went out with; null while it waits.
    published_at: by the database's clock, which also decides when the row is purged.
    """

    __tablename__: ClassVar[str] = "outbox"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    event_id: UUID
    topic: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    only_group: str | None = Field(default=None, sa_type=Text)
    correlation_id: str | None = Field(default=None, sa_type=Text)
    written_at: datetime | None = Field(
        default=None,
        nullable=False,
        sa_type=UtcDateTime,
        sa_column_kwargs={"server_default": func.clock_timestamp()},
    )
    batch: int | None = Field(default=None, sa_type=BigInteger)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ConsumedEventRow(SQLModel, table=True):
    """That a group has handled an event; written in the transaction of what the handler did."""

    __tablename__: ClassVar[str] = "consumed_events"

    consumer_group: str = Field(primary_key=True, sa_type=Text)
    event_id: UUID = Field(primary_key=True)
    consumed_at: datetime = Field(
        sa_type=UtcDateTime, sa_column_kwargs={"server_default": func.now()}
    )


class DeadLetterRow(SQLModel, table=True):
    """An event one group could not handle, with the reason; the rest went on."""

    __tablename__: ClassVar[str] = "dead_letters"

    consumer_group: str = Field(primary_key=True, sa_type=Text)
    event_id: UUID = Field(primary_key=True)
    topic: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    correlation_id: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(sa_type=Text)
    attempts: int
    failed_at: datetime = Field(sa_type=UtcDateTime)
    replayed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OutboxStreamRow(SQLModel, table=True):
    """The one row that says which incarnation of the event stream the relay last published to."""

    __tablename__: ClassVar[str] = "outbox_stream"

    is_the_row: bool = Field(default=True, primary_key=True)
    incarnation: str = Field(sa_type=Text)
