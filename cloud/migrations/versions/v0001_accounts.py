"""The tables of accounts."""

revision = "0001_accounts"
down_revision = None


def upgrade() -> None:
    """Create them."""
