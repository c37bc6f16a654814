"""What people did to the venue, and what surveillance found."""

from alembic import op

revision = "0008_venue_acts"
down_revision = "0007_exchange"

_STATEMENTS = (
    """CREATE TABLE venue_acts (
        id uuid PRIMARY KEY,
        asked_at timestamptz NOT NULL,
        actor uuid,
        kind text NOT NULL,
        instrument_id bigint NOT NULL,
        account_id bigint NOT NULL,
        portfolio_id bigint NOT NULL,
        reason text NOT NULL,
        details jsonb NOT NULL,
        effective_on date,
        state text NOT NULL CHECK (state IN ('asked', 'done', 'refused')),
        sequence bigint,
        refusal text
    )""",
    "CREATE INDEX venue_acts_asked_at_id_idx ON venue_acts (asked_at, id)",
    "CREATE INDEX venue_acts_account_id_idx ON venue_acts (account_id) WHERE account_id <> 0",
    """CREATE UNIQUE INDEX venue_acts_once_a_day_idx
        ON venue_acts (kind, instrument_id, effective_on)
        WHERE effective_on IS NOT NULL AND state <> 'refused'""",
    """CREATE TABLE surveillance_cases (
        id uuid PRIMARY KEY,
        pattern text NOT NULL,
        rule text NOT NULL,
        account_id bigint NOT NULL,
        other_account_id bigint NOT NULL,
        instrument_id bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('open', 'dismissed', 'escalated')),
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        findings integer NOT NULL,
        sentence text NOT NULL,
        decided_at timestamptz,
        decided_by uuid
    )""",
    """CREATE UNIQUE INDEX surveillance_cases_open_idx
        ON surveillance_cases (rule, account_id, other_account_id, instrument_id)
        WHERE state = 'open'""",
    "CREATE INDEX surveillance_cases_last_at_id_idx ON surveillance_cases (last_at, id)",
    """CREATE TABLE surveillance_findings (
        key text PRIMARY KEY,
        case_id uuid NOT NULL REFERENCES surveillance_cases (id),
        sequence bigint NOT NULL,
        first_at timestamptz NOT NULL,
        at timestamptz NOT NULL,
        sentence text NOT NULL,
        trade_ids jsonb NOT NULL,
        order_ids jsonb NOT NULL,
        figures jsonb NOT NULL
    )""",
    """CREATE INDEX surveillance_findings_case_id_sequence_idx
        ON surveillance_findings (case_id, sequence)""",
    """CREATE TABLE surveillance_reviews (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        case_id uuid NOT NULL REFERENCES surveillance_cases (id),
        at timestamptz NOT NULL,
        actor uuid NOT NULL,
        state text NOT NULL,
        note text NOT NULL
    )""",
    "CREATE INDEX surveillance_reviews_case_id_idx ON surveillance_reviews (case_id)",
    """CREATE TABLE exchange_watched (
        name text PRIMARY KEY,
        sequence bigint NOT NULL,
        at timestamptz NOT NULL
    )""",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
