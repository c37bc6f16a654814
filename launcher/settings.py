"""The settings `curb up` gives to the cloud, and `curb config show`.

What the environment names is used as it is, and the engine behind it is not started; the rest is
made up here from the data folder's ports and passwords.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launcher.data_folder import DataFolder, default_data_folder
from launcher.ports import LOOPBACK

DATABASE = "curb"
_GIVEN_BY_UP = "curb up"
_NOT_YET = "not chosen before the first curb up"


def given_settings(folder: DataFolder, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The CURB_ variables that `curb up` adds to the environment; it makes ports and passwords."""
    password = folder.secret("postgres")
    made = {
        "CURB_DATABASE_URL": f"postgresql://postgres:{password}@{LOOPBACK}:"
        f"{folder.port('postgres')}/{DATABASE}",
        "CURB_REDIS_URL": f"redis://:{folder.secret('valkey')}@{LOOPBACK}:{folder.port('valkey')}/0",
        "CURB_MQTT_URL": f"mqtts://{LOOPBACK}:{folder.port('cloud-broker')}",
        "CURB_PUBLIC_URL": f"http://{LOOPBACK}:{folder.port('http')}",
        "CURB_DATA_DIR": str(folder / "cloud"),
    }
    if not is_given("CURB_MQTT_URL", environ):
        made["CURB_MQTT_PERMISSIONS_FILE"] = str(folder / "broker" / "permissions.conf")
        made["CURB_MQTT_PID_FILE"] = str(folder / "broker" / "broker.pid")
    if not is_given("CURB_DATABASE_URL", environ):
        # A database of our own is a demonstration; whoever brings theirs may mean real money.
        made["CURB_DEMO_PAYMENTS"] = "on"
    return {name: value for name, value in made.items() if not is_given(name, environ)}


def is_given(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the person decided this one; CURB_DATA_DIR is the folder's own business."""
    return bool(environ.get(name)) and name != "CURB_DATA_DIR"


def shown_settings(
    data: Path | None, environ: Mapping[str, str] = os.environ
) -> list[dict[str, str]]:
    """Every setting of the cloud as `curb up` starts it, secrets hidden, each with its origin."""
    from cloud.kit.settings import load_settings, show_settings

    folder = DataFolder(data or default_data_folder())
    given = _placeholders(environ) if folder.is_new() else given_settings(folder, environ)
    whole = dict(environ) | given
    rows = []
    for shown in show_settings(load_settings(whole), whole):
        is_new = folder.is_new() and shown.env in given
        rows.append(
            {
                "name": shown.name,
                "variable": shown.env,
                "value": _NOT_YET if is_new else shown.value,
                "origin": _GIVEN_BY_UP if shown.env in given else shown.origin,
                "meaning": shown.meaning,
            }
        )
    return rows


def print_settings(rows: list[dict[str, Any]]) -> None:
    """The same for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2))
    for column in ("variable", "value", "origin"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row["variable"], row["value"], row["origin"])
    Console().print(table)


def _placeholders(environ: Mapping[str, str]) -> dict[str, str]:
    made = {
        "CURB_DATABASE_URL": "postgresql://",
        "CURB_REDIS_URL": "redis://",
        "CURB_MQTT_URL": "mqtts://",
        "CURB_PUBLIC_URL": "http://",
        "CURB_DATA_DIR": "/",
    }
    return {name: value for name, value in made.items() if not is_given(name, environ)}
