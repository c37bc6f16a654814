"""Everything the agent can be told from outside, read once at the start from CURB_EDGE_*."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_type_hints

from protocols.portable import topics

PREFIX: Final = "CURB_EDGE_"


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message names it and says what it wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read from the environment by `load_settings`; a field `data_dir` is CURB_EDGE_DATA_DIR."""

    site: Annotated[str, "Id of the site, a slug such as elm-street."]
    data_dir: Annotated[Path, "Folder of the database and health.json; made if missing."]
    identity_dir: Annotated[
        Path, "Folder with identity.json (protocols.enrolment.SiteIdentity) and key.pem."
    ]
    site_broker_port: Annotated[int, "TLS port of the site's broker."]
    site_broker_host: Annotated[str, "Host of the site's broker."] = "127.0.0.1"
    site_broker_users_file: Annotated[
        Path | None,
        "File of the site broker's permissions, which the agent writes; none: it won't.",
    ] = None
    site_broker_pid_file: Annotated[
        Path | None, "File with the site broker's process id; it gets SIGHUP after a change."
    ] = None
    site_broker_kind: Annotated[str, "Whose permissions to write: nats or mosquitto."] = "nats"
    cloud_broker_host: Annotated[
        str | None, "Host of the cloud's broker; by default as the identity says."
    ] = None
    cloud_broker_port: Annotated[int | None, "Its TLS port; by default as the identity says."] = (
        None
    )
    report_every_s: Annotated[float, "How often the cloud hears how the site is."] = 10.0
    health_every_s: Annotated[float, "How often health.json is written."] = 2.0
    time_every_s: Annotated[float, "How often gates are told the time."] = 3600.0
    gate_list_entries_max: Annotated[
        int, "Rights on one gate's own list, 16 bytes each; 1 to 4,000."
    ] = 2000
    gate_list_after_s: Annotated[
        float, "How long changes are gathered before a gate's list is made anew."
    ] = 2.0
    outbox_max: Annotated[
        int, "Events above which the agent's own diagnostics are left out; gates' never are."
    ] = 1_000_000
    log_level: Annotated[str, "debug, info, warning or error."] = "info"

    def __post_init__(self) -> None:
        """Refuse what would fail later and far from here."""
        if not topics.is_slug(self.site):
            raise SettingsError(
                f"{PREFIX}SITE is {self.site!r}; it must be 3 to 32 of a-z, 0-9, -."
            )
        if self.site_broker_kind not in ("nats", "mosquitto"):
            raise SettingsError(f"{PREFIX}SITE_BROKER_KIND must be nats or mosquitto.")
        if not 1 <= self.gate_list_entries_max <= 4000:
            raise SettingsError(f"{PREFIX}GATE_LIST_ENTRIES_MAX must be 1 to 4000.")
        for name in ("report_every_s", "health_every_s", "time_every_s", "gate_list_after_s"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"{PREFIX}{name.upper()} must be above 0.")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that the environment spells out.

    Raises:
        SettingsError: one is missing or does not parse.
    """
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings, include_extras=True)
    for setting in dataclasses.fields(Settings):
        name = PREFIX + setting.name.upper()
        kind, meaning = get_args(hints[setting.name])
        text = environ.get(name, "")
        if text:
            values[setting.name] = _parsed(name, text, kind)
        elif setting.default is dataclasses.MISSING:
            raise SettingsError(f"{name} is not set. {meaning}")
    return Settings(**values)


def _parsed(name: str, text: str, kind: object) -> object:
    kinds = get_args(kind) or (kind,)
    try:
        if int in kinds:
            return int(text)
        if float in kinds:
            return float(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; it must be a number.") from None
    return Path(text) if Path in kinds else text
