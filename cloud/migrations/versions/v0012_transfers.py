"""Transfers between wallets and portfolios, and the ledger's account for what is at the venue."""

from alembic import op

revision = "0012_transfers"
down_revision = "0011_portfolios"

_STATEMENTS = (
    "ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_kind_check",
    """ALTER TABLE ledger_accounts ADD CONSTRAINT ledger_accounts_kind_check
        CHECK (kind IN ('wallet', 'hold', 'debt', 'revenue', 'refund', 'exchange', 'cash_in'))""",
    """CREATE TABLE exchange_transfers (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id uuid NOT NULL,
        client_key text NOT NULL UNIQUE,
        portfolio_id bigint NOT NULL,
        direction text NOT NULL CHECK (direction IN ('in', 'out')),
        amount bigint NOT NULL CHECK (amount > 0),
        currency text NOT NULL,
        state text NOT NULL
            CHECK (state IN ('taken', 'asked', 'paid', 'done', 'returned', 'refused')),
        problem text NOT NULL,
        since_sequence bigint NOT NULL,
        asked_at timestamptz NOT NULL,
        ended_at timestamptz,
        CHECK ((ended_at IS NULL) = (state IN ('taken', 'asked', 'paid')))
    )""",
    "CREATE INDEX exchange_transfers_portfolio_id_id_idx ON exchange_transfers (portfolio_id, id)",
    """CREATE INDEX exchange_transfers_open_idx ON exchange_transfers (id)
        WHERE state IN ('taken', 'asked', 'paid')""",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
