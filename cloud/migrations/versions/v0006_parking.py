"""The tables of parking."""

revision = "0006_parking"
down_revision = "0005_devices"


def upgrade() -> None:
    """Create them."""
