"""The `curb` command line."""

import click


@click.group()
@click.version_option(package_name="curb-exchange", prog_name="curb")
def main() -> None:
    """Run car parks and a trading venue on this machine."""
