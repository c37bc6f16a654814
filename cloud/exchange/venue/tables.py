"""What people did to the venue. The sequencer's tables say what came of it."""

from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, Date, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime

ASKED: Final = "asked"
DONE: Final = "done"
REFUSED: Final = "refused"


class VenueActRow(SQLModel, table=True):
    """One act, stored before the sequencer is asked, so that none is without its record.

    kind: a word of `acts.ActKind`; the ids are 0 where the act is about no such thing.
    effective_on: of splits and dividends, which must not happen twice for one day.
    state: ASKED (on its way, or the process died on the way: then nobody knows), DONE or REFUSED.
    sequence: of the command; refusal: the engine's reason, in lower case.
    """

    __tablename__: ClassVar[str] = "venue_acts"
    __table_args__ = (
        Index("venue_acts_asked_at_id_idx", "asked_at", "id"),
        Index("venue_acts_account_id_idx", "account_id", postgresql_where=text("account_id <> 0")),
        Index(
            "venue_acts_once_a_day_idx",
            "kind",
            "instrument_id",
            "effective_on",
            unique=True,
            postgresql_where=text("effective_on IS NOT NULL AND state <> 'refused'"),
        ),
    )

    id: UUID = Field(primary_key=True)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    actor: UUID | None = None
    kind: str = Field(sa_type=Text)
    instrument_id: int = Field(default=0, sa_type=BigInteger)
    account_id: int = Field(default=0, sa_type=BigInteger)
    portfolio_id: int = Field(default=0, sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    details: dict[str, Any] = Field(sa_type=JSONB)
    effective_on: date | None = Field(default=None, sa_type=Date)
    state: str = Field(default=ASKED, sa_type=Text)
    sequence: int | None = Field(default=None, sa_type=BigInteger)
    refusal: str | None = Field(default=None, sa_type=Text)
