"""`python -m cloud`: one process of the cloud, and the few things done to it by hand.

Everything heavy is imported by the command that needs it, so that `--help` answers at once.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from cloud.kit.settings import SettingsError, load_settings


@click.group(invoke_without_command=True)
@click.option(
    "--roles",
    default="api,parking,relay,ingress,exchange",
    show_default=True,
    metavar="ROLE,...",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, help="0 lets the system choose one.")
@click.pass_context
def main(context: click.Context, roles: str, host: str, port: int) -> None:
    """Serve, in the given roles, until SIGTERM. Settings come from CURB_... variables."""
    if context.invoked_subcommand is not None:
        return
    from cloud.roles import parse_roles
    from cloud.serve import serve

    serve(load_settings(), parse_roles(roles), host, port)


@main.command()
def migrate() -> None:
    """Bring the database to the newest shape."""
    from cloud.migrations.run import migrate as apply

    database_url = os.environ.get("CURB_DATABASE_URL")
    if not database_url:
        raise SettingsError("CURB_DATABASE_URL is not set (the database to migrate).")
    apply(database_url)
    click.echo("The database has the newest shape.")


@main.command()
@click.argument("email")
@click.option("--role", "roles", multiple=True, required=True, help="Give it once for each role.")
@click.option("--name", default="", help="What the user is called; default: the address.")
@click.option("--password-stdin", is_flag=True, help="Read the password instead of making one.")
@click.option("--if-no-admin", is_flag=True, help="Do nothing when there is an admin already.")
def create_user(
    email: str, roles: tuple[str, ...], name: str, *, password_stdin: bool, if_no_admin: bool
) -> None:
    """Create a user with any roles; prints one JSON object.

    A password that was made is in it, this once. For an address that exists: `"created": false`.
    """
    from cloud.bootstrap import create_user as create

    given = sys.stdin.readline().rstrip("\n") if password_stdin else None
    _print(
        asyncio.run(
            create(
                load_settings(),
                email,
                roles,
                name=name or email,
                password=given,
                if_no_admin=if_no_admin,
            )
        )
    )


@main.command()
@click.option("--email", default="admin@curb.local", show_default=True)
def create_admin(email: str) -> None:
    """Create the first admin with a generated password, printed once; harmless afterwards."""
    from cloud.bootstrap import create_user as create

    settings = load_settings()
    _print(asyncio.run(create(settings, email, ("admin",), name="Admin", if_no_admin=True)))


@main.command()
def audit_verify() -> None:
    """Check the whole audit trail; prints one JSON object, exits 1 at the first flaw."""
    from cloud.bootstrap import verify_audit

    found = asyncio.run(verify_audit(load_settings()))
    _print(found)
    sys.exit(0 if found["is_intact"] else 1)


@main.command()
def ledger_verify() -> None:
    """Add the whole ledger up; prints one JSON object, exits 1 if anything does not sum to zero."""
    from cloud.by_hand import verify_ledger

    found = asyncio.run(verify_ledger(load_settings()))
    _print(found)
    sys.exit(0 if found["is_balanced"] else 1)


@main.command()
@click.option("--group", help="Only those of this group of consumers.")
def dead_letters(group: str | None) -> None:
    """List events that could not be handled, with the reason; prints one JSON object."""
    from cloud.by_hand import dead_letters as waiting

    _print(asyncio.run(waiting(load_settings(), group)))


@main.command()
@click.argument("group")
def replay_dead_letters(group: str) -> None:
    """Deliver the dead letters of GROUP to it again, once the reason is mended."""
    from cloud.by_hand import replay_dead_letters as replay

    _print(asyncio.run(replay(load_settings(), group)))


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from cloud.bootstrap import openapi_document

    _print(asyncio.run(openapi_document(load_settings())))


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="cloud-broker", show_default=True, help="The common name.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    help="A name or address clients use; repeat it.",
)
@click.option(
    "--permissions", type=click.Path(path_type=Path), help="Write a first list of clients here."
)
def issue_broker_cert(
    folder: Path, name: str, hosts: tuple[str, ...], permissions: Path | None
) -> None:
    """Put key.pem, cert.pem and ca.pem for a broker into FOLDER; keeps those that are good.

    The project's authority is made in CURB_DATA_DIR/ca if it is not there yet.
    """
    from cloud.devices.enrolment.broker_certificates import (
        issue_broker_certificate,
        issue_cloud_client,
        write_first_permissions,
    )

    data_dir = os.environ.get("CURB_DATA_DIR")
    if not data_dir:
        raise SettingsError("CURB_DATA_DIR is not set (where the authority keeps its key).")
    authority = Path(data_dir) / "ca"
    issue_cloud_client(authority)
    issue_broker_certificate(authority, folder, name, hosts)
    if permissions is not None:
        write_first_permissions(permissions)
    _print({"folder": str(folder), "name": name, "hosts": list(hosts)})


def _print(answer: dict[str, Any]) -> None:
    click.echo(json.dumps(answer))


def run() -> None:
    """The command line; a wrong setting or a taken port is one sentence, not a traceback."""
    try:
        main()
    except (SettingsError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    run()
