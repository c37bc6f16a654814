"""The tables of ledger."""

revision = "0004_ledger"
down_revision = "0003_audit"


def upgrade() -> None:
    """Create them."""
