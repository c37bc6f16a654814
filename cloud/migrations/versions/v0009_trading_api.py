"""API keys of traders, watchlists, and what the owner of a portfolio has chosen."""

from alembic import op

revision = "0009_trading_api"
down_revision = "0008_venue_acts"

_STATEMENTS = (
    """CREATE TABLE api_keys (
        id text PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        portfolio_id bigint NOT NULL,
        name text NOT NULL,
        secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
        created_at timestamptz NOT NULL,
        revoked_at timestamptz
    )""",
    "CREATE INDEX api_keys_user_id_idx ON api_keys (user_id)",
    "CREATE INDEX api_keys_portfolio_id_idx ON api_keys (portfolio_id)",
    """CREATE TABLE watchlists (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        portfolio_id bigint NOT NULL,
        name text NOT NULL,
        instrument_ids bigint[] NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        UNIQUE (portfolio_id, name)
    )""",
    """CREATE TABLE trading_settings (
        portfolio_id bigint PRIMARY KEY,
        is_suspended boolean NOT NULL,
        is_long_only boolean NOT NULL,
        has_confirmations boolean NOT NULL,
        updated_at timestamptz NOT NULL
    )""",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
