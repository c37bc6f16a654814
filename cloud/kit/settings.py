"""Everything the cloud reads from its surroundings, read once, at the start, in one place.

Standard library only: the launcher imports this module to print `curb config show`, and its
`--help` must be quick.
"""

# ruff: noqa: RUF009 - `_setting` is `dataclasses.field` with its metadata spelled out
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

REDACTED: Final = "(set, not shown)"


class SettingsError(Exception):
    """A setting is missing or cannot be understood; the message names it and says what to do."""


def _setting(
    env: str,
    meaning: str,
    *,
    parse: Callable[[str], Any] = str,
    default: Any = MISSING,  # noqa: ANN401 - a dataclass default is of any type
    secret: bool = False,
) -> Any:  # noqa: ANN401 - stands in for dataclasses.field, which is typed so
    metadata = {"env": env, "meaning": meaning, "parse": parse, "secret": secret}
    return field(default=default, metadata=metadata)


def _address(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError("it must start with " + " or ".join(f"{s}://" for s in schemes))
        return text

    return parse


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not minimum <= (number := int(text)) <= maximum:
            raise ValueError(f"it must be from {minimum} to {maximum}")
        return number

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("it must be one of " + ", ".join(allowed))
        return text

    return parse


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("it must be on or off")
    return text == "on"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One program's settings. Make it with `load_settings`; tests may build it directly."""

    database_url: str = _setting(
        "CURB_DATABASE_URL",
        "PostgreSQL 16 or newer, postgresql://user:password@host/name",
        parse=_address("postgresql", "postgres"),
        secret=True,
    )
    redis_url: str = _setting(
        "CURB_REDIS_URL",
        "Redis or Valkey, redis://host:port/0, or unix:///path for a socket",
        parse=_address("redis", "rediss", "unix"),
        secret=True,
    )
    data_dir: Path = _setting(
        "CURB_DATA_DIR", "the folder for keys and files that must outlive a restart", parse=Path
    )
    mqtt_url: str = _setting(
        "CURB_MQTT_URL",
        "the broker that sites connect to, mqtts://host:port; empty: no ingress on this process",
        parse=_address("mqtts", "mqtt", ""),
        default="",
        secret=True,
    )
    mqtt_ca_file: Path = _setting(
        "CURB_MQTT_CA_FILE",
        "PEM of the authority that signed the broker's certificate; default DATA_DIR/ca/ca.pem",
        parse=Path,
        default=Path(),
    )
    mqtt_cert_file: Path = _setting(
        "CURB_MQTT_CERT_FILE",
        "PEM of the cloud's own certificate (CN=cloud); default DATA_DIR/ca/cloud.pem",
        parse=Path,
        default=Path(),
    )
    mqtt_key_file: Path = _setting(
        "CURB_MQTT_KEY_FILE",
        "PEM of the key of that certificate; default DATA_DIR/ca/cloud.key",
        parse=Path,
        default=Path(),
    )
    mqtt_permissions_file: Path = _setting(
        "CURB_MQTT_PERMISSIONS_FILE",
        "the broker's list of clients, written at every enrolment and revocation "
        "(*.acl: for mosquitto, else nats-server); empty: somebody else keeps it",
        parse=Path,
        default=Path(),
    )
    mqtt_pid_file: Path = _setting(
        "CURB_MQTT_PID_FILE",
        "the broker's pid file, to make it read that list again; empty: it is not told",
        parse=Path,
        default=Path(),
    )
    events_url: str = _setting(
        "CURB_EVENTS_URL",
        "the event stream, redis://...; empty: the same server as CURB_REDIS_URL",
        parse=_address("redis", "rediss", "unix", ""),
        default="",
        secret=True,
    )
    keys_dir: Path = _setting(
        "CURB_KEYS_DIR",
        "the folder of token and field keys, readable by its owner only; default DATA_DIR/keys",
        parse=Path,
        default=Path(),
    )
    clock_file: Path = _setting(
        "CURB_CLOCK_FILE",
        "a file whose 8 bytes (int64, little-endian, ms since 1970) are the time; empty: real time",
        parse=Path,
        default=Path(),
    )
    public_url: str = _setting(
        "CURB_PUBLIC_URL",
        "where people reach this system; also the issuer named in its tokens",
        parse=_address("http", "https"),
        default="http://127.0.0.1:8000",
    )
    cors_origins: tuple[str, ...] = _setting(
        "CURB_CORS_ORIGINS",
        "other web origins whose pages may call the API, separated by commas; empty: none",
        parse=_words,
        default=(),
    )
    metrics_token: str = _setting(
        "CURB_METRICS_TOKEN",
        "bearer token for /metrics from another machine; empty: this machine only",
        default="",
        secret=True,
    )
    database_connections_max: int = _setting(
        "CURB_DATABASE_CONNECTIONS_MAX",
        "connections of each of the two pools of a process, 1 to 200",
        parse=_whole(1, 200),
        default=10,
    )
    statement_timeout_ms: int = _setting(
        "CURB_STATEMENT_TIMEOUT_MS",
        "a database statement is cancelled after so many milliseconds",
        parse=_whole(100, 600_000),
        default=15_000,
    )
    access_token_s: int = _setting(
        "CURB_ACCESS_TOKEN_S",
        "how long an access token is good, in seconds, 60 to 600",
        parse=_whole(60, 600),
        default=600,
    )
    login_s: int = _setting(
        "CURB_LOGIN_S",
        "how long a login lasts without being used, in seconds; each refresh starts it anew",
        parse=_whole(600, 31_536_000),
        default=2_592_000,
    )
    tries_per_address: int = _setting(
        "CURB_TRIES_PER_ADDRESS",
        "log-ins, and registrations, from one network address in ten minutes",
        parse=_whole(10, 1_000_000),
        default=300,
    )
    argon2_memory_kib: int = _setting(
        "CURB_ARGON2_MEMORY_KIB",
        "memory of one password check in KiB; 19456 is the least OWASP accepts",
        parse=_whole(19_456, 1_048_576),
        default=65_536,
    )
    demo_payments: bool = _setting(
        "CURB_DEMO_PAYMENTS",
        "on: wallets can be topped up with a demo card that moves no money; off",
        parse=_switch,
        default=False,
    )
    exchange_schedule: str = _setting(
        "CURB_EXCHANGE_SCHEDULE",
        "when the venue trades: always, us-equities, manual (phases by command only), or a .toml",
        default="always",
    )
    exchange_volatility_call_s: int = _setting(
        "CURB_EXCHANGE_VOLATILITY_CALL_S",
        "how long a volatility call lasts, in seconds, 1 to 3600",
        parse=_whole(1, 3_600),
        default=30,
    )
    market_simulator_seed: int = _setting(
        "CURB_MARKET_SIMULATOR_SEED",
        "what the simulated market of the data stream /v2/test is drawn from, from 0",
        parse=_whole(0, 2**62),
        default=1,
    )
    market_replay_file: Path = _setting(
        "CURB_MARKET_REPLAY_FILE",
        "a recorded session for the data stream /v2/replay, .gz or plain; empty: no such stream",
        parse=Path,
        default=Path(),
    )
    market_replay_speed: int = _setting(
        "CURB_MARKET_REPLAY_SPEED",
        "how many times faster than recorded it is played, 1 to 1000",
        parse=_whole(1, 1_000),
        default=1,
    )
    device_events_days: int = _setting(
        "CURB_DEVICE_EVENTS_DAYS",
        "how many days the events of gates and agents are kept, 60 to 36500",
        parse=_whole(60, 36_500),
        default=400,
    )
    device_quarantine_days: int = _setting(
        "CURB_DEVICE_QUARANTINE_DAYS",
        "how many days payloads that were set aside are kept, 1 to 36500",
        parse=_whole(1, 36_500),
        default=90,
    )
    body_bytes_max: int = _setting(
        "CURB_BODY_BYTES_MAX",
        "the largest request body that is read, in bytes",
        parse=_whole(1_024, 104_857_600),
        default=1_048_576,
    )
    ws_message_bytes_max: int = _setting(
        "CURB_WS_MESSAGE_BYTES_MAX",
        "the largest WebSocket message that is read, in bytes",
        parse=_whole(1_024, 1_048_576),
        default=65_536,
    )
    log_format: str = _setting(
        "CURB_LOG_FORMAT",
        "json, console, or auto: console on a terminal, json elsewhere",
        parse=_one_of("auto", "json", "console"),
        default="auto",
    )
    log_level: str = _setting(
        "CURB_LOG_LEVEL",
        "debug, info, warning or error",
        parse=_one_of("debug", "info", "warning", "error"),
        default="info",
    )

    def __post_init__(self) -> None:
        derived = {
            "mqtt_ca_file": self.data_dir / "ca" / "ca.pem",
            "mqtt_cert_file": self.data_dir / "ca" / "cloud.pem",
            "mqtt_key_file": self.data_dir / "ca" / "cloud.key",
            "keys_dir": self.data_dir / "keys",
            "events_url": self.redis_url,
        }
        for name, value in derived.items():
            if getattr(self, name) in (Path(), ""):
                object.__setattr__(self, name, value)


@dataclass(frozen=True)
class ShownSetting:
    """One line of `curb config show`: safe to print."""

    name: str
    env: str
    value: str
    origin: str
    meaning: str


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one is missing or wrong; all such are named at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in fields(Settings):
        env, text = item.metadata["env"], environ.get(item.metadata["env"], "")
        if not text:
            if item.default is MISSING:
                problems.append(f"{env} is not set ({item.metadata['meaning']}).")
            continue
        try:
            values[item.name] = item.metadata["parse"](text)
        except ValueError as error:
            shown = "" if item.metadata["secret"] else f" ({text!r})"
            problems.append(f"{env}{shown} cannot be used: {error}.")
    if problems:
        raise SettingsError(" ".join(problems))
    return Settings(**values)


def show_settings(
    settings: Settings, environ: Mapping[str, str] = os.environ
) -> list[ShownSetting]:
    """Every setting with its origin, secrets redacted; in the order of the class."""
    return [
        ShownSetting(
            name=item.name,
            env=item.metadata["env"],
            value=_redacted(getattr(settings, item.name), secret=item.metadata["secret"]),
            origin="environment" if environ.get(item.metadata["env"]) else "default",
            meaning=item.metadata["meaning"],
        )
        for item in fields(Settings)
    ]


def _redacted(value: object, *, secret: bool) -> str:
    """An address keeps its host and loses its password; any other secret loses everything."""
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    if not secret or not text:
        return text
    parts = urlsplit(text)
    if not parts.scheme:
        return REDACTED
    if parts.password is None:
        return text
    host = f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
