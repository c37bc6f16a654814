"""The tables of events."""

from alembic import op

revision = "0002_events"
down_revision = "0001_accounts"


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            event_id uuid NOT NULL,
            topic text NOT NULL,
            key text NOT NULL,
            type text NOT NULL,
            payload text NOT NULL CONSTRAINT outbox_payload_check CHECK (payload IS JSON),
            at timestamptz NOT NULL,
            only_group text,
            correlation_id text,
            written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            batch bigint,
            published_at timestamptz
        ) WITH (
            -- Every row is written, marked and removed within minutes: vacuum it all the time.
            fillfactor = 80,
            autovacuum_vacuum_scale_factor = 0.01,
            autovacuum_vacuum_threshold = 1000
        )
        """
    )
    op.execute("CREATE SEQUENCE outbox_batch_seq")
    op.execute("CREATE INDEX outbox_waiting_idx ON outbox (id) WHERE batch IS NULL")
    op.execute(
        "CREATE INDEX outbox_published_idx ON outbox (published_at) WHERE published_at IS NOT NULL"
    )
    # One row: what the relay last saw of the event stream's store.
    op.execute(
        """
        CREATE TABLE outbox_stream (
            is_the_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_row),
            incarnation text NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE consumed_events (
            consumer_group text NOT NULL,
            event_id uuid NOT NULL,
            consumed_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer_group, event_id)
        )
        """
    )
    op.execute("CREATE INDEX consumed_events_consumed_at_idx ON consumed_events (consumed_at)")
    op.execute(
        """
        CREATE TABLE dead_letters (
            consumer_group text NOT NULL,
            event_id uuid NOT NULL,
            topic text NOT NULL,
            key text NOT NULL,
            type text NOT NULL,
            payload text NOT NULL,
            at timestamptz NOT NULL,
            correlation_id text,
            reason text NOT NULL,
            attempts integer NOT NULL,
            failed_at timestamptz NOT NULL,
            replayed_at timestamptz,
            PRIMARY KEY (consumer_group, event_id)
        )
        """
    )
