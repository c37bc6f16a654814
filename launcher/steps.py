"""What `curb up` does, step by step; `up.py` holds their order.

Each step may run any number of times on the same data. A step whose engine is named in the settings
starts nothing.
"""

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

from launcher.compiled import variables as compiled_variables
from launcher.data_folder import DataFolder
from launcher.demo import DEMO_SHAPE, ensure_people, log_in_for, people
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.engines.postgres import Postgres
from launcher.engines.valkey import Valkey
from launcher.errors import PortTakenError
from launcher.ports import LOOPBACK, is_free, lasting_port
from launcher.services import PythonProgram, answers
from launcher.settings import DATABASE
from launcher.system import System

_DEMO_FILE = "demo.json"
_BROKER_NAMES = (LOOPBACK, "localhost")


def start_postgres(system: System) -> None:
    """PostgreSQL with the cloud's database in it."""
    if system.is_given("CURB_DATABASE_URL"):
        return
    folder = system.folder
    choose_engine_port(folder, "postgres", is_fixed=False)
    server = Postgres(
        folder / "postgres",
        port=folder.port("postgres"),
        password=folder.secret("postgres"),
        log_path=folder.log_path("postgres"),
    )
    system.start(server)
    server.create_database(DATABASE)
    system.postgres = server


def start_valkey(system: System) -> None:
    """Valkey, empty or with what it held."""
    if system.is_given("CURB_REDIS_URL"):
        return
    folder = system.folder
    choose_engine_port(folder, "valkey", is_fixed=False)
    server = Valkey(
        folder / "valkey",
        port=folder.port("valkey"),
        password=folder.secret("valkey"),
        log_path=folder.log_path("valkey"),
    )
    system.start(server)


def start_cloud_broker(system: System) -> None:
    """The broker through which sites reach the cloud, certified by the project's authority."""
    from cloud.devices.enrolment.broker_certificates import (
        issue_broker_certificate,
        issue_cloud_client,
        write_first_permissions,
    )

    authority = system.folder / "cloud" / "ca"
    issue_cloud_client(authority)
    if system.is_given("CURB_MQTT_URL"):
        return
    folder = system.folder / "broker"
    issue_broker_certificate(authority, folder / "tls", "cloud-broker", _BROKER_NAMES)
    tls = BrokerTls(
        ca=folder / "tls" / "ca.pem",
        certificate=folder / "tls" / "cert.pem",
        key=folder / "tls" / "key.pem",
        min_version="1.3",
    )
    choose_engine_port(system.folder, "cloud-broker", is_fixed=True)
    broker = NatsBroker(
        "cloud-broker",
        folder,
        port=system.folder.port("cloud-broker"),
        tls=tls,
        log_path=system.folder.log_path("cloud-broker"),
    )
    write_first_permissions(broker.permissions_path)
    system.start(broker)
    system.cloud_broker = broker


def migrate(system: System) -> None:
    """The newest shape of the database.

    Starting the migration tool takes a second or two; when neither the migrations nor the database
    have changed since it last ran here, it has nothing to do and is not started.
    """
    server = system.postgres
    seen = {"files": _migrations_seen(), "revision": _revision(server)}
    if server is not None and system.folder.read("migrated.json") == seen:
        return
    _cloud_command(system, "migrate").complete(system.tick)
    system.folder.write("migrated.json", seen | {"revision": _revision(server)})


def _migrations_seen() -> str:
    spec = find_spec("cloud.migrations")
    folders = spec.submodule_search_locations if spec is not None else None
    digest = hashlib.sha256()
    for folder in folders or ():
        for path in sorted(Path(folder).glob("versions/*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _revision(server: Postgres | None) -> str:
    if server is None:
        return ""
    exists = server.execute("SELECT to_regclass('alembic_version') IS NOT NULL;", DATABASE)
    return server.execute("SELECT * FROM alembic_version;", DATABASE) if exists == "t" else ""


def start_cloud(system: System) -> None:
    """The cloud in all its roles but one, in one process: two would only share the same cores."""
    port = system.folder.port("http")
    cloud = PythonProgram(
        "cloud",
        "cloud",
        ("--host", LOOPBACK, "--port", str(port)),
        log_path=system.folder.log_path("cloud"),
        variables={**system.variables, **compiled_variables()},
        is_up=lambda: answers(port, "/readyz"),
    )
    system.is_eager = has_demo(system)
    admin = log_in_for(system.folder, "admin")
    flags = ("--role", "admin", "--name", "Admin", "--password-stdin")
    # Nobody could grant the first admin's role over the network; made while the cloud loads.
    maker = _cloud_command(system, "create-user", admin.email, *flags, heard=admin.password)
    try:
        if not has_demo(system):
            maker.start()
        system.start(cloud)
        if not has_demo(system):
            maker.wait_ended(system.tick)
    finally:
        maker.stop()
    base = system.setting("CURB_PUBLIC_URL")
    system.urls["Web API"] = f"{base}/api/v1"
    system.urls["API reference"] = f"{base}/api/v1/docs"
    system.urls["API description"] = f"{base}/api/v1/openapi.json"
    system.urls["Live updates"] = base.replace("http", "ws", 1) + "/ws"
    system.urls["Trading API"] = f"{base}/v2"
    system.urls["Metrics"] = f"{base}/metrics"


def start_surveillance(system: System) -> None:
    """The venue's watcher, in a process of its own so that no order waits for it."""
    choose_engine_port(system.folder, "surveillance", is_fixed=False)
    port = system.folder.port("surveillance")
    watcher = PythonProgram(
        "surveillance",
        "cloud",
        ("--roles", "surveillance", "--host", LOOPBACK, "--port", str(port)),
        log_path=system.folder.log_path("surveillance"),
        variables={**system.variables, **compiled_variables()},
        is_up=lambda: answers(port, "/readyz"),
    )
    # Nothing needs it to go on; it is waited for with the next program.
    system.supervisor.launch(watcher)
    system.note(is_up=False)


def fill_demo(system: System) -> None:
    """Accounts for every role."""
    system.log_ins = people(system.folder)
    if not has_demo(system):
        base = f"http://{LOOPBACK}:{system.folder.port('http')}"
        ensure_people(base, system.log_ins)


def has_demo(system: System) -> bool:
    """Whether accounts and car park were made already, in this very database."""
    return system.folder.read(_DEMO_FILE) == _demo_mark(system)


def remember_demo(system: System) -> None:
    """Accounts and car park are complete now."""
    system.folder.write(_DEMO_FILE, _demo_mark(system))


def _demo_mark(system: System) -> dict[str, str]:
    # Without the port, which may change while the data stays.
    given = os.environ["CURB_DATABASE_URL"] if system.is_given("CURB_DATABASE_URL") else "ours"
    return {"database": hashlib.sha256(given.encode()).hexdigest(), "shape": DEMO_SHAPE}


def _cloud_command(system: System, *arguments: str, heard: str = "") -> PythonProgram:
    log_path = system.folder.log_path("commands")
    return PythonProgram(
        f"python -m cloud {arguments[0]}",
        "cloud",
        arguments,
        log_path=log_path,
        variables=system.variables,
        heard=heard,
    )


def choose_engine_port(folder: DataFolder, name: str, *, is_fixed: bool) -> None:
    """Make sure that an engine's remembered port is still free.

    is_fixed: devices know it; otherwise another one is simply chosen.

    Raises:
        PortTakenError: it is fixed, and taken.
    """
    port = folder.port(name)
    if is_free(port):
        return
    if is_fixed:
        raise PortTakenError(
            f"Port {port}, which devices know as {name}, is taken by another program. Stop that "
            f"one, or change the port in {folder / 'ports.json'} and enrol the devices again."
        )
    folder.remember_port(name, lasting_port())
