"""The tables of the exchange that the sequencer writes, and portfolios with their owners."""

from alembic import op

revision = "0007_exchange"
down_revision = "0006_parking"

_STATEMENTS = (
    """CREATE TABLE exchange_journal (
        first_sequence bigint PRIMARY KEY,
        last_sequence bigint NOT NULL UNIQUE CHECK (last_sequence >= first_sequence),
        at timestamptz NOT NULL,
        commands bytea NOT NULL,
        events_hash bytea NOT NULL
    )""",
    # Compressing tens of thousands of small rows a second would cost more than their space.
    "ALTER TABLE exchange_journal ALTER COLUMN commands SET STORAGE EXTERNAL",
    """CREATE TABLE exchange_snapshots (
        sequence bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        state_hash text NOT NULL,
        data bytea NOT NULL
    )""",
    """CREATE TABLE instruments (
        id bigint PRIMARY KEY,
        symbol text NOT NULL,
        name text NOT NULL DEFAULT '',
        reference_ticks bigint NOT NULL,
        tick_table jsonb NOT NULL,
        lot_units bigint NOT NULL,
        money_multiplier bigint NOT NULL,
        money_divisor bigint NOT NULL,
        maker_fee_rate integer NOT NULL,
        taker_fee_rate integer NOT NULL,
        settle_days smallint NOT NULL,
        protection_bps integer NOT NULL,
        band_bps integer NOT NULL,
        volatility_bps integer NOT NULL,
        is_shortable boolean NOT NULL,
        phase smallint NOT NULL,
        lower_ticks bigint NOT NULL DEFAULT 0,
        upper_ticks bigint NOT NULL DEFAULT 0,
        changed_sequence bigint NOT NULL
    )""",
    "CREATE INDEX instruments_symbol_idx ON instruments (symbol)",
    """CREATE TABLE trading_accounts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id uuid NOT NULL UNIQUE REFERENCES users (id)
    )""",
    """CREATE TABLE portfolios (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        account_id bigint NOT NULL REFERENCES trading_accounts (id),
        name text NOT NULL,
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        created_at timestamptz NOT NULL,
        closed_at timestamptz,
        UNIQUE (account_id, name)
    )""",
    """CREATE TABLE portfolio_balances (
        portfolio_id bigint PRIMARY KEY,
        account_id bigint NOT NULL,
        cash bigint NOT NULL,
        settled_cash bigint NOT NULL,
        held_cash bigint NOT NULL,
        fees bigint NOT NULL,
        realised bigint NOT NULL,
        changed_sequence bigint NOT NULL
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE positions (
        portfolio_id bigint NOT NULL,
        instrument_id bigint NOT NULL,
        units bigint NOT NULL,
        settled_units bigint NOT NULL,
        held_units bigint NOT NULL,
        cost bigint NOT NULL,
        realised bigint NOT NULL,
        realised_fifo bigint NOT NULL,
        changed_sequence bigint NOT NULL,
        PRIMARY KEY (portfolio_id, instrument_id)
    ) WITH (fillfactor = 50)""",
    # Room in each page for the fills and the end that most orders see while they are young.
    """CREATE TABLE orders (
        id bigint PRIMARY KEY,
        engine_order_id bigint NOT NULL,
        portfolio_id bigint NOT NULL,
        instrument_id bigint NOT NULL,
        client_order_id text,
        side smallint NOT NULL,
        order_type smallint NOT NULL,
        time_in_force smallint NOT NULL,
        quantity_units bigint NOT NULL,
        price_ticks bigint NOT NULL,
        stop_ticks bigint NOT NULL,
        trail_ticks bigint NOT NULL,
        trail_bps integer NOT NULL,
        extreme_ticks bigint NOT NULL,
        display_units bigint NOT NULL,
        expires_at timestamptz,
        self_trade smallint NOT NULL,
        is_post_only boolean NOT NULL,
        is_reduce_only boolean NOT NULL,
        is_short boolean NOT NULL,
        group_kind smallint NOT NULL,
        parent_id bigint,
        leg smallint NOT NULL,
        state smallint NOT NULL,
        reason smallint NOT NULL,
        remaining_units bigint NOT NULL,
        filled_units bigint NOT NULL,
        filled_ticks numeric NOT NULL,
        fees bigint NOT NULL,
        source text NOT NULL,
        sequence bigint NOT NULL,
        changed_sequence bigint NOT NULL,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        triggered_at timestamptz,
        ended_at timestamptz,
        replaces bigint,
        replaced_by bigint
    ) WITH (fillfactor = 60)""",
    "CREATE INDEX orders_portfolio_id_id_idx ON orders (portfolio_id, id)",
    """CREATE UNIQUE INDEX orders_portfolio_id_client_order_id_key
        ON orders (portfolio_id, client_order_id) WHERE client_order_id IS NOT NULL""",
    # Few: which rows go on with orders that were replaced is asked at every start. (No index may
    # name a column that fills and ends change: they would have to be entered into all of them.)
    """CREATE INDEX orders_engine_order_id_idx ON orders (engine_order_id)
        WHERE replaces IS NOT NULL""",
    "CREATE INDEX orders_parent_id_idx ON orders (parent_id) WHERE parent_id IS NOT NULL",
    """CREATE TABLE trades (
        id bigint PRIMARY KEY,
        sequence bigint NOT NULL,
        at timestamptz NOT NULL,
        instrument_id bigint NOT NULL,
        price_ticks bigint NOT NULL,
        quantity_units bigint NOT NULL,
        notional bigint NOT NULL,
        maker_order_id bigint NOT NULL,
        taker_order_id bigint NOT NULL,
        maker_portfolio_id bigint NOT NULL,
        taker_portfolio_id bigint NOT NULL,
        taker_side smallint NOT NULL,
        maker_fee bigint NOT NULL,
        taker_fee bigint NOT NULL,
        is_auction boolean NOT NULL
    )""",
    "CREATE INDEX trades_maker_portfolio_id_id_idx ON trades (maker_portfolio_id, id)",
    "CREATE INDEX trades_taker_portfolio_id_id_idx ON trades (taker_portfolio_id, id)",
    """CREATE TABLE activities (
        sequence bigint NOT NULL,
        ordinal integer NOT NULL,
        at timestamptz NOT NULL,
        portfolio_id bigint NOT NULL,
        cause smallint NOT NULL,
        instrument_id bigint,
        cash bigint NOT NULL,
        units bigint NOT NULL,
        cost bigint NOT NULL,
        transfer_id bigint NOT NULL,
        PRIMARY KEY (sequence, ordinal)
    )""",
    "CREATE INDEX activities_portfolio_id_sequence_idx ON activities (portfolio_id, sequence)",
    """CREATE TABLE risk_limits (
        portfolio_id bigint PRIMARY KEY,
        max_order_units bigint NOT NULL,
        max_order_notional bigint NOT NULL,
        max_position_units bigint NOT NULL,
        max_daily_loss bigint NOT NULL,
        collar_bps bigint NOT NULL,
        max_messages bigint NOT NULL,
        window_ns bigint NOT NULL,
        duplicate_ns bigint NOT NULL,
        max_open_orders bigint NOT NULL,
        may_short bigint NOT NULL,
        short_margin_bps bigint NOT NULL,
        changed_sequence bigint NOT NULL
    )""",
    """CREATE TABLE risk_violations (
        sequence bigint NOT NULL,
        ordinal integer NOT NULL,
        at timestamptz NOT NULL,
        portfolio_id bigint NOT NULL,
        instrument_id bigint NOT NULL,
        reason smallint NOT NULL,
        terms jsonb NOT NULL,
        PRIMARY KEY (sequence, ordinal)
    )""",
    """CREATE INDEX risk_violations_portfolio_id_sequence_idx
        ON risk_violations (portfolio_id, sequence)""",
    """CREATE TABLE kill_switches (
        account_id bigint PRIMARY KEY,
        is_on boolean NOT NULL,
        at timestamptz NOT NULL,
        changed_sequence bigint NOT NULL
    )""",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
