"""Equity samples, moves between a user's portfolios, and splits as they happened."""

from alembic import op

revision = "0011_portfolios"
down_revision = "0010_market_data"

_STATEMENTS = (
    """CREATE TABLE equity_samples (
        portfolio_id bigint NOT NULL,
        at timestamptz NOT NULL,
        sequence bigint NOT NULL,
        equity bigint NOT NULL,
        cash bigint NOT NULL,
        flows bigint NOT NULL,
        PRIMARY KEY (portfolio_id, at)
    )""",
    """CREATE TABLE portfolio_moves (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id uuid NOT NULL,
        client_key text NOT NULL UNIQUE,
        from_portfolio_id bigint NOT NULL,
        to_portfolio_id bigint NOT NULL,
        amount bigint,
        instrument_id bigint,
        units bigint,
        since_sequence bigint NOT NULL,
        asked_at timestamptz NOT NULL,
        done_sequence bigint,
        done_at timestamptz
    )""",
    """CREATE TABLE unit_splits (
        sequence bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        instrument_id bigint NOT NULL,
        numerator integer NOT NULL,
        denominator integer NOT NULL
    )""",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
