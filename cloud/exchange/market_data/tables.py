"""History of the market: bars and quotes. Trades are the sequencer's own rows."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Integer, Numeric
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class BarRow(SQLModel, table=True):
    """The trades of one instrument in `span_s` seconds (1, 60, 3,600 or 86,400), if there were any.

    starts_at: for days, midnight in New York. value: the sum of price in ticks times units.
    Derived from `trades`: a row may be written again, and then says the same.
    """

    __tablename__: ClassVar[str] = "market_data"

    instrument_id: int = Field(primary_key=True, sa_type=BigInteger)
    span_s: int = Field(primary_key=True, sa_type=Integer)
    starts_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    open_ticks: int = Field(sa_type=BigInteger)
    high_ticks: int = Field(sa_type=BigInteger)
    low_ticks: int = Field(sa_type=BigInteger)
    close_ticks: int = Field(sa_type=BigInteger)
    units: int = Field(sa_type=BigInteger)
    value: Decimal = Field(sa_type=Numeric)
    trade_count: int = Field(sa_type=BigInteger)


class QuoteRow(SQLModel, table=True):
    """The best bid and offer from then on; 0 where a side was empty.

    At most one for every tenth of a second: what stood in between is only in the stream.
    """

    __tablename__: ClassVar[str] = "market_quotes"
    __table_args__ = (Index("market_quotes_at_idx", "at"),)

    instrument_id: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    bid_ticks: int = Field(sa_type=BigInteger)
    bid_units: int = Field(sa_type=BigInteger)
    ask_ticks: int = Field(sa_type=BigInteger)
    ask_units: int = Field(sa_type=BigInteger)
