"""Bars and quotes, and the way from an instrument to its trades."""

from alembic import op

revision = "0010_market_data"
down_revision = "0009_trading_api"

_STATEMENTS = (
    """CREATE TABLE market_data (
        instrument_id bigint NOT NULL,
        span_s integer NOT NULL,
        starts_at timestamptz NOT NULL,
        open_ticks bigint NOT NULL,
        high_ticks bigint NOT NULL,
        low_ticks bigint NOT NULL,
        close_ticks bigint NOT NULL,
        units bigint NOT NULL,
        value numeric NOT NULL,
        trade_count bigint NOT NULL,
        PRIMARY KEY (instrument_id, span_s, starts_at)
    )""",
    """CREATE TABLE market_quotes (
        instrument_id bigint NOT NULL,
        at timestamptz NOT NULL,
        bid_ticks bigint NOT NULL,
        bid_units bigint NOT NULL,
        ask_ticks bigint NOT NULL,
        ask_units bigint NOT NULL,
        PRIMARY KEY (instrument_id, at)
    )""",
    "CREATE INDEX market_quotes_at_idx ON market_quotes (at)",
    "CREATE INDEX trades_instrument_id_at_id_idx ON trades (instrument_id, at, id)",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
