"""Every table of the cloud, for Alembic and for the test that compares them with the database."""

from sqlmodel import SQLModel

from cloud.kit import columns

# Importing a feature's tables registers them; add one line for each `tables.py`.
TABLES = (columns,)

METADATA = SQLModel.metadata
