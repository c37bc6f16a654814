"""The rows of the ledger. Balances are kept by a trigger; postings can only be added."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class AccountRow(SQLModel, table=True):
    """An account; `kind` is a word of rules.AccountKind."""

    __tablename__: ClassVar[str] = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("owner", "kind", "currency"),
        UniqueConstraint("id", "currency"),
    )

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)
    currency: str = Field(sa_type=Text)


class BalanceRow(SQLModel, table=True):
    """One part of an account's balance, and what it may be; written by the trigger of postings."""

    __tablename__: ClassVar[str] = "ledger_balances"

    account_id: UUID = Field(primary_key=True, foreign_key="ledger_accounts.id")
    part: int = Field(primary_key=True, sa_type=SmallInteger)
    balance_minor: int = Field(default=0, sa_type=BigInteger)
    floor_minor: int | None = Field(default=None, sa_type=BigInteger)
    ceiling_minor: int | None = Field(default=None, sa_type=BigInteger)


class TransactionRow(SQLModel, table=True):
    """A transaction; never edited. fingerprint: SHA-256 of what was asked for."""

    __tablename__: ClassVar[str] = "ledger_transactions"

    id: UUID = Field(primary_key=True)
    client_id: str = Field(sa_type=Text, unique=True)
    fingerprint: bytes
    kind: str = Field(sa_type=Text)
    memo: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text, index=True)
    at: datetime = Field(sa_type=UtcDateTime)


class PostingRow(SQLModel, table=True):
    """A posting; never edited. part: which part of the account's balance it went to."""

    __tablename__: ClassVar[str] = "ledger_postings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "currency"], ["ledger_accounts.id", "ledger_accounts.currency"]
        ),
        Index("ledger_postings_account_id_id_idx", "account_id", "id"),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    transaction_id: UUID = Field(foreign_key="ledger_transactions.id", index=True)
    account_id: UUID
    part: int = Field(sa_type=SmallInteger)
    currency: str = Field(sa_type=Text)
    amount_minor: int = Field(sa_type=BigInteger)
    balance_after_minor: int | None = Field(default=None, sa_type=BigInteger)


class HoldRow(SQLModel, table=True):
    """Money of a wallet set aside. kept_minor: what of it was captured; null while it is held."""

    __tablename__: ClassVar[str] = "ledger_holds"

    client_id: str = Field(primary_key=True, sa_type=Text)
    owner: str = Field(sa_type=Text, index=True)
    currency: str = Field(sa_type=Text)
    amount_minor: int = Field(sa_type=BigInteger)
    reference: str = Field(sa_type=Text)
    kept_minor: int | None = Field(default=None, sa_type=BigInteger)
    held_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
