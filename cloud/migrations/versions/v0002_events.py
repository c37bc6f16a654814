"""The tables of events."""

revision = "0002_events"
down_revision = "0001_accounts"


def upgrade() -> None:
    """Create them."""
