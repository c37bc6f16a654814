"""The tables of devices."""

revision = "0005_devices"
down_revision = "0004_ledger"


def upgrade() -> None:
    """Create them."""
