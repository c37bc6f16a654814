"""Every table of the cloud, for Alembic and for the test that compares them with the database."""

from sqlmodel import SQLModel

from cloud.accounts.auth import tables as auth
from cloud.accounts.users import tables as users
from cloud.audit import tables as audit
from cloud.kit import idempotency

# Importing a feature's tables registers them; add one line for each `tables.py`.
TABLES = (idempotency, users, auth, audit)

METADATA = SQLModel.metadata
