"""Bring a database to the newest shape: for `python -m cloud migrate`, the launcher, the tests."""

from importlib.resources import files

from alembic import command
from alembic.config import Config


def migrate(database_url: str, revision: str = "head") -> None:
    """Apply what is missing, if anything. It starts an event loop, so call it outside of one."""
    command.upgrade(alembic_config(database_url), revision)


def alembic_config(database_url: str) -> Config:
    """Alembic's settings without a file: the script folder is this package."""
    config = Config()
    config.set_main_option("script_location", str(files("cloud.migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config
