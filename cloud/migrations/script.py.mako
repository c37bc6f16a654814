"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Apply this step; the version of the program that runs now must survive it."""
    ${upgrades if upgrades else "op.execute('')"}
