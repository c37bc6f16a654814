"""Where the venue is and with which API key: as other Alpaca clients find it, or the demo's own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.data_folder import DataFolder, default_data_folder
from launcher.errors import LauncherError, NotRunningError

MARKET_FILE = "market.json"
"""In the data folder: the demo trader's API key; only the owner may read it."""

URL_VARIABLE = "APCA_API_BASE_URL"
KEY_VARIABLE = "APCA_API_KEY_ID"
SECRET_VARIABLE = "APCA_API_SECRET_KEY"  # noqa: S105 - the name of the variable that holds it


@dataclass(frozen=True, slots=True)
class Access:
    """One API key and the venue it opens. base_url: without a slash at the end, without /v2."""

    base_url: str
    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Access({self.base_url!r}, {self.key_id!r}, ...)"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret}


def find_access(data: Path | None, environ: Mapping[str, str] = os.environ) -> Access:
    """The environment's key where it names one, else the demo trader's of the running system.

    Raises:
        NotRunningError: nothing runs on that folder, or it has no demo trader.
        LauncherError: the environment names a key without its secret, or without an address.
    """
    if environ.get(KEY_VARIABLE):
        return _from_environment(environ)
    folder = DataFolder(data or default_data_folder())
    if folder.owner_pid() is None:
        raise NotRunningError(
            f"Nothing runs on {folder.path}. Start it with `curb up`, or set {URL_VARIABLE}, "
            f"{KEY_VARIABLE} and {SECRET_VARIABLE}."
        )
    known = folder.read(MARKET_FILE)
    if not known:
        raise NotRunningError(
            f"The system on {folder.path} has no demo trader yet. Wait until `curb status` says "
            f"that it is up, or set {KEY_VARIABLE} and {SECRET_VARIABLE} to a key of yours."
        )
    base_url = folder.read("running.json").get("urls", {}).get("Web API", "")
    return Access(base_url.removesuffix("/api/v1"), known["key_id"], known["secret"])


def _from_environment(environ: Mapping[str, str]) -> Access:
    missing = [name for name in (URL_VARIABLE, SECRET_VARIABLE) if not environ.get(name)]
    if missing:
        raise LauncherError(
            f"{KEY_VARIABLE} is set, but {' and '.join(missing)} is not. Set all three, or none "
            "to trade as the demo trader."
        )
    base_url = environ[URL_VARIABLE].rstrip("/").removesuffix("/v2")
    return Access(base_url, environ[KEY_VARIABLE], environ[SECRET_VARIABLE])
