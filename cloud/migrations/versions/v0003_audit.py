"""The tables of audit."""

revision = "0003_audit"
down_revision = "0002_events"


def upgrade() -> None:
    """Create them."""
