"""The audit trail: a chain of rows that the database itself refuses to edit."""

from alembic import op

revision = "0003_audit"
down_revision = "0002_events"


def upgrade() -> None:
    """Create the chain with its head before the first row."""
    op.execute("""
        CREATE TABLE audit_log (
            sequence bigint PRIMARY KEY,
            at timestamptz NOT NULL,
            actor uuid,
            action varchar NOT NULL,
            subject varchar NOT NULL,
            details varchar NOT NULL,
            mac bytea NOT NULL
        )""")
    op.execute("CREATE INDEX audit_log_actor_idx ON audit_log (actor)")
    op.execute("CREATE INDEX audit_log_action_idx ON audit_log (action)")
    op.execute("CREATE INDEX audit_log_subject_idx ON audit_log (subject)")
    op.execute("""
        CREATE TABLE audit_head (
            id bigint PRIMARY KEY CHECK (id = 1),
            sequence bigint NOT NULL,
            mac bytea NOT NULL
        )""")
    op.execute("INSERT INTO audit_head VALUES (1, 0, decode(repeat('00', 32), 'hex'))")
    # Against mistakes; against intent there is the chain, whose key is not in the database.
    op.execute("""
        CREATE FUNCTION refuse_audit_edit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'audit rows are never edited or removed';
        END $$""")
    op.execute("""
        CREATE TRIGGER audit_log_is_append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_edit()""")
