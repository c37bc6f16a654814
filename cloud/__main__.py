"""`python -m cloud COMMAND`: one process of the cloud, and the few things done to it by hand."""

import os
import sys

import click

from cloud.kit.settings import SettingsError


@click.group()
def main() -> None:
    """One process of Curb's cloud. Settings come from CURB_... variables."""


@main.command()
def migrate() -> None:
    """Bring the database to the newest shape."""
    from cloud.migrations.run import migrate as apply

    database_url = os.environ.get("CURB_DATABASE_URL")
    if not database_url:
        raise SettingsError("CURB_DATABASE_URL is not set (the database to migrate).")
    apply(database_url)
    click.echo("The database has the newest shape.")


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        sys.exit(str(error))
