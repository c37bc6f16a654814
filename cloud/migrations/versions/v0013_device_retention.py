"""What the purge of old device events looks for."""

from alembic import op

revision = "0013_device_retention"
down_revision = "0012_transfers"

_STATEMENTS = (
    "CREATE INDEX device_events_received_at_idx ON device_events USING brin (received_at)",
)


def upgrade() -> None:
    """Create it."""
    for statement in _STATEMENTS:
        op.execute(statement)
