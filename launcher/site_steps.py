"""The steps of `curb up` on site: a broker for the gates, the edge agent, the simulation."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from launcher.demo import log_in_for
from launcher.demo_site import SITE, build_lanes, build_lot, build_site, enrol_devices
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.ports import LOOPBACK
from launcher.services import PythonProgram
from launcher.steps import choose_engine_port
from launcher.system import System
from protocols.broker_acl import agent_client, nats_authorization
from provisioning.cloud_api import Api

_BROKER = "site-broker"


def build_demo_site(system: System) -> None:
    """The demo's car park in the cloud, and the identities of its devices."""
    port = system.folder.port(_BROKER)
    with Api(f"http://{LOOPBACK}:{system.folder.port('http')}") as api:
        _log_in(system, api, "technician")
        build_site(api, port)
        _log_in(system, api, "operator")
        build_lot(api)
        _log_in(system, api, "technician")
        build_lanes(api)
        enrol_devices(api, _site_folder(system))


def start_site_broker(system: System) -> None:
    """The broker in the car park: TLS 1.2, since MicroPython speaks no newer one."""
    choose_engine_port(system.folder, _BROKER, is_fixed=True)
    folder = _site_folder(system) / "broker"
    broker = NatsBroker(
        _BROKER,
        folder,
        port=system.folder.port(_BROKER),
        tls=BrokerTls(
            ca=folder / "tls" / "ca.pem",
            certificate=folder / "tls" / "cert.pem",
            key=folder / "tls" / "key.pem",
            min_version="1.2",
        ),
        log_path=system.folder.log_path(_BROKER),
    )
    if not broker.permissions_path.exists():
        # Until the agent has heard from the cloud which gates there are.
        broker.permit(nats_authorization([agent_client(SITE)]))
    system.start(broker)


def start_agent(system: System) -> None:
    """The edge agent of the demo site."""
    folder = _site_folder(system)
    data = folder / "agent"
    variables = {
        "CURB_EDGE_SITE": SITE,
        "CURB_EDGE_DATA_DIR": str(data),
        "CURB_EDGE_IDENTITY_DIR": str(folder / "identity"),
        "CURB_EDGE_SITE_BROKER_HOST": LOOPBACK,
        "CURB_EDGE_SITE_BROKER_PORT": str(system.folder.port(_BROKER)),
        "CURB_EDGE_SITE_BROKER_USERS_FILE": str(folder / "broker" / "permissions.conf"),
        "CURB_EDGE_SITE_BROKER_PID_FILE": str(folder / "broker" / "broker.pid"),
    }
    system.start(
        PythonProgram(
            "edge-agent",
            "edge_agent",
            log_path=system.folder.log_path("edge-agent"),
            variables=variables,
            is_up=_has_written(data / "health.json", since_s=time.time()),
        )
    )


def _has_written(path: Path, since_s: float) -> Callable[[], bool]:
    def is_up() -> bool:
        try:
            return path.stat().st_mtime >= since_s and bool(json.loads(path.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return False

    return is_up


def _site_folder(system: System) -> Path:
    return system.folder / "site" / SITE


def _log_in(system: System, api: Api, role: str) -> None:
    who = log_in_for(system.folder, role)
    api.log_in(who.email, who.password)
