"""What benchmarks of the cloud share: durable engines in a scratch folder, and one process."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.devices.enrolment.broker_certificates import (
    issue_broker_certificate,
    issue_cloud_client,
    write_first_permissions,
)
from cloud.migrations.run import migrate
from launcher.compiled import variables as compiled_variables
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.engines.postgres import Postgres
from launcher.engines.valkey import Valkey
from launcher.ports import LOOPBACK, free_port

ROOT = Path(__file__).parents[1]
_READY_WITHIN_S = 60.0


@dataclass(frozen=True)
class Engines:
    """Running engines, and the environment a process of the cloud needs for them."""

    environment: Mapping[str, str]
    broker: NatsBroker


@contextlib.contextmanager
def running_engines() -> Iterator[Engines]:
    """PostgreSQL as durable as in production, Valkey, the cloud broker with its certificates."""
    with tempfile.TemporaryDirectory(prefix="curb-bench-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        postgres = Postgres(
            folder / "postgres",
            port=free_port(),
            password="bench",  # noqa: S106 - a server that lives for a minute
            log_path=folder / "postgres.log",
        )
        valkey = Valkey(
            folder / "valkey",
            port=free_port(),
            password="bench",  # noqa: S106
            log_path=folder / "valkey.log",
        )
        broker = _broker(folder)
        with contextlib.ExitStack() as stack:
            for engine in (postgres, valkey, broker):
                stack.callback(engine.stop)
                engine.run()
            url = postgres.create_database("curb")
            migrate(url)
            yield Engines(
                {
                    "CURB_DATABASE_URL": url,
                    "CURB_REDIS_URL": valkey.url,
                    "CURB_MQTT_URL": broker.url,
                    "CURB_MQTT_PERMISSIONS_FILE": str(broker.permissions_path),
                    "CURB_MQTT_PID_FILE": str(broker.pid_path),
                    "CURB_DATA_DIR": str(folder / "cloud"),
                },
                broker,
            )


def _broker(folder: Path) -> NatsBroker:
    authority = folder / "cloud" / "ca"
    issue_cloud_client(authority)
    issue_broker_certificate(authority, folder / "tls", "cloud-broker", (LOOPBACK, "localhost"))
    tls = BrokerTls(
        ca=folder / "tls" / "ca.pem",
        certificate=folder / "tls" / "cert.pem",
        key=folder / "tls" / "key.pem",
        min_version="1.3",
    )
    broker = NatsBroker(
        "cloud-broker", folder / "broker", port=free_port(), tls=tls, log_path=folder / "broker.log"
    )
    write_first_permissions(broker.permissions_path)
    return broker


@contextlib.contextmanager
def running_cloud(engines: Engines, roles: str) -> Iterator[str]:
    """One process of the cloud in these roles; gives its address."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "cloud", "--roles", roles, "--port", str(port)],
            cwd=ROOT,
            # As `curb up` does: with the compiled engine where there is one.
            env=dict(os.environ) | compiled_variables() | dict(engines.environment),
            stdout=log,
            stderr=log,
        )
        try:
            _wait_ready(process, port)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def running_surveillance(engines: Engines) -> Iterator[str]:
    """The venue's watcher, which `curb up` runs beside the cloud; gives its address."""
    with running_cloud(engines, "surveillance") as address:
        yield address


def _wait_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not _is_answering(f"http://{LOOPBACK}:{port}/healthz"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("The cloud did not become ready.")
        time.sleep(0.05)


def _is_answering(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own loopback address
    except OSError:
        return False
    return True
