"""The steps of `curb up` on site: a broker for the gates, the edge agent, the simulation."""

import contextlib
import json
from pathlib import Path
from typing import Any

from launcher.demo import log_in_for
from launcher.demo_site import (
    LANES,
    SITE,
    build_lanes,
    build_lot,
    build_site,
    demo_stage,
    enrol_devices,
)
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.ports import LOOPBACK
from launcher.services import PythonProgram
from launcher.steps import choose_engine_port, has_demo, remember_demo
from launcher.system import System
from protocols.broker_acl import agent_client, nats_authorization
from provisioning.cloud_api import Api

STAGE_FILE = "stage.json"
_BROKER = "site-broker"


def build_demo_site(system: System) -> None:
    """The demo's car park in the cloud, the identities of its devices, and its stage."""
    scratch = system.folder / "simulation"
    scratch.mkdir(exist_ok=True)
    stage = demo_stage(_site_folder(system), scratch)
    (scratch / STAGE_FILE).write_text(json.dumps(stage, indent=1))
    if has_demo(system):
        return
    port = system.folder.port(_BROKER)
    with Api(f"http://{LOOPBACK}:{system.folder.port('http')}") as api:
        _log_in(system, api, "technician")
        build_site(api, port)
        _log_in(system, api, "operator")
        build_lot(api, log_in_for(system.folder, "driver").email)
        _log_in(system, api, "technician")
        build_lanes(api)
        enrol_devices(api, _site_folder(system))
    remember_demo(system)


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
    health = data / "health.json"
    system.start(
        PythonProgram(
            "edge-agent",
            "edge_agent",
            log_path=system.folder.log_path("edge-agent"),
            variables=variables,
            is_up=health.exists,
            sign=health,
        )
    )
    # Not part of being ready: an agent that has lost the cloud must not be restarted for it.
    wish = "The edge agent reaches the cloud"
    system.expect(wish, lambda: bool(_health(system)["cloud_in_touch"]))


def start_simulation(system: System) -> None:
    """The demo's gates, each the real firmware on real MicroPython, and drivers at them."""
    stage = system.folder / "simulation" / STAGE_FILE
    system.start(
        PythonProgram(
            "simulation",
            "simulators",
            ("live", stage),
            log_path=system.folder.log_path("simulation"),
        )
    )

    def are_online() -> bool:
        gates = _health(system)["gates"]
        return all(gates.get(lane.gate, {}).get("online") for lane in LANES)

    system.expect("Every gate is online", are_online)


def _health(system: System) -> dict[str, Any]:
    """How the agent says the site is; nothing is well before it first said so."""
    facts: dict[str, Any] = {"cloud_in_touch": False, "gates": {}}
    path = _site_folder(system) / "agent" / "health.json"
    with contextlib.suppress(FileNotFoundError):
        facts |= json.loads(path.read_text())
    return facts


def _site_folder(system: System) -> Path:
    return system.folder / "site" / SITE


def _log_in(system: System, api: Api, role: str) -> None:
    who = log_in_for(system.folder, role)
    api.log_in(who.email, who.password)
