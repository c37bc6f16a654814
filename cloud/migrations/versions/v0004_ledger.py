"""The tables of ledger, and what keeps them right whatever a program does."""

import re

from alembic import op

revision = "0004_ledger"
down_revision = "0003_audit"

_TABLES = """
CREATE TABLE ledger_accounts (
    id uuid PRIMARY KEY,
    kind text NOT NULL
        CHECK (kind IN ('wallet', 'hold', 'debt', 'revenue', 'refund', 'cash_in')),
    owner text NOT NULL CHECK (owner <> ''),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    UNIQUE (owner, kind, currency),
    UNIQUE (id, currency)
);
CREATE TABLE ledger_balances (
    account_id uuid NOT NULL REFERENCES ledger_accounts (id),
    part smallint NOT NULL,
    balance_minor bigint NOT NULL DEFAULT 0,
    floor_minor bigint,
    ceiling_minor bigint,
    PRIMARY KEY (account_id, part),
    CONSTRAINT ledger_balances_floor_check CHECK (balance_minor >= floor_minor),
    CONSTRAINT ledger_balances_ceiling_check CHECK (balance_minor <= ceiling_minor)
) WITH (fillfactor = 50);
CREATE TABLE ledger_transactions (
    id uuid PRIMARY KEY,
    client_id text NOT NULL UNIQUE CHECK (client_id <> ''),
    fingerprint bytea NOT NULL,
    kind text NOT NULL,
    memo text NOT NULL,
    reference text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX ledger_transactions_reference_idx ON ledger_transactions (reference);
CREATE TABLE ledger_postings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id uuid NOT NULL REFERENCES ledger_transactions (id),
    account_id uuid NOT NULL,
    part smallint NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    balance_after_minor bigint,
    FOREIGN KEY (account_id, currency) REFERENCES ledger_accounts (id, currency)
);
CREATE INDEX ledger_postings_account_id_id_idx ON ledger_postings (account_id, id);
CREATE INDEX ledger_postings_transaction_id_idx ON ledger_postings (transaction_id);
CREATE TABLE ledger_holds (
    client_id text PRIMARY KEY,
    owner text NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reference text NOT NULL,
    kept_minor bigint CHECK (kept_minor BETWEEN 0 AND amount_minor),
    held_at timestamptz NOT NULL,
    settled_at timestamptz CHECK ((settled_at IS NULL) = (kept_minor IS NULL))
);
CREATE INDEX ledger_holds_owner_idx ON ledger_holds (owner);
"""

_APPEND_ONLY = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The ledger is only ever added to: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE ON ledger_transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_transactions_no_truncate BEFORE TRUNCATE ON ledger_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_postings_append_only BEFORE UPDATE OR DELETE ON ledger_postings
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_postings_no_truncate BEFORE TRUNCATE ON ledger_postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_accounts_append_only BEFORE UPDATE OR DELETE ON ledger_accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
"""

# A posting moves its balance in the same statement; nothing else may.
_BALANCES = """
CREATE FUNCTION ledger_apply() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    after_minor bigint;
    has_parts boolean;
BEGIN
    UPDATE ledger_balances SET balance_minor = balance_minor + NEW.amount_minor
    WHERE account_id = NEW.account_id AND part = NEW.part
    RETURNING balance_minor, floor_minor IS NULL AND ceiling_minor IS NULL
    INTO after_minor, has_parts;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Account % has no balance part %.', NEW.account_id, NEW.part
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.balance_after_minor := CASE WHEN has_parts THEN NULL ELSE after_minor END;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_postings_apply BEFORE INSERT ON ledger_postings
    FOR EACH ROW EXECUTE FUNCTION ledger_apply();

CREATE FUNCTION ledger_balances_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.balance_minor = 0 THEN
        RETURN NEW;
    END IF;
    -- Depth 2 is the trigger of a posting; depth 1 a statement of somebody's own.
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A balance changes by a posting only.'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_balances_guard BEFORE INSERT OR UPDATE OR DELETE ON ledger_balances
    FOR EACH ROW EXECUTE FUNCTION ledger_balances_guard();
"""

# Checked at the commit: by then a transaction has all its postings, and later ones are found too.
_ZERO_SUM = """
CREATE FUNCTION ledger_check_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked uuid;
    postings integer;
    unbalanced integer;
BEGIN
    IF TG_TABLE_NAME = 'ledger_transactions' THEN
        checked := NEW.id;
    ELSE
        checked := NEW.transaction_id;
    END IF;
    SELECT coalesce(sum(n), 0), count(*) FILTER (WHERE total <> 0) INTO postings, unbalanced
    FROM (
        SELECT count(*) AS n, sum(amount_minor) AS total
        FROM ledger_postings WHERE transaction_id = checked GROUP BY currency
    ) AS sums;
    IF postings < 2 OR unbalanced > 0 THEN
        RAISE EXCEPTION 'Transaction % has % postings and does not sum to zero in % currencies.',
            checked, postings, unbalanced USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transactions_sum AFTER INSERT ON ledger_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_sum();
CREATE CONSTRAINT TRIGGER ledger_postings_sum AFTER INSERT ON ledger_postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_sum();
"""


def upgrade() -> None:
    """Create them."""
    for script in (_TABLES, _APPEND_ONLY, _BALANCES, _ZERO_SUM):
        # One statement at a time; what a function does is indented.
        for statement in re.split(r";\n+(?=CREATE)", script.strip().removesuffix(";")):
            op.execute(statement)
