"""Who may publish and subscribe to what, as data, and as configuration of either broker.

A client is known by the CN of its certificate. Each device may touch only its own topics.
"""

from collections.abc import Iterable, Sequence

import msgspec

from protocols.enrolment import CLOUD_COMMON_NAME, site_common_name
from protocols.portable import topics


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate a broker admits, with MQTT topic filters."""

    name: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def gate_client(gate: str) -> Client:
    """A gate on its site's broker."""
    up = (topics.TAP, topics.EVENT, topics.ACK, topics.LOG, topics.ONLINE, topics.REPORT)
    return Client(
        name=gate,
        publish=tuple(topics.gate(gate, leaf) for leaf in up),
        subscribe=(topics.gate(gate, "down/#"),),
    )


def agent_client(site: str) -> Client:
    """The edge agent on its own site's broker: the only one that may speak to gates."""
    return Client(
        name=site_common_name(site),
        publish=(topics.gate("+", "down/#"),),
        subscribe=(topics.gate("+", "up/#"), topics.gate("+", "state/#")),
    )


def site_client(site: str) -> Client:
    """An edge agent on the cloud broker."""
    up = (topics.SITE_EVENTS, topics.SITE_REPORT, topics.SITE_ONLINE)
    return Client(
        name=site_common_name(site),
        publish=tuple(topics.site(site, leaf) for leaf in up),
        subscribe=(topics.site(site, "down/#"),),
    )


def cloud_client() -> Client:
    """The cloud's own client on the cloud broker."""
    return Client(
        name=CLOUD_COMMON_NAME,
        publish=(topics.site("+", "down/#"),),
        subscribe=(topics.site("+", "up/#"), topics.site("+", "state/#")),
    )


def _nats_subjects(filters: Iterable[str]) -> list[str]:
    subjects: list[str] = []
    for topic in filters:
        subject = topic.replace("/", ".").replace("+", "*")
        if subject == "#":
            subjects.append(">")
        elif subject.endswith(".#"):
            # In NATS `a.>` does not match `a`, which MQTT's `a/#` does.
            subjects += [subject[:-2], subject[:-2] + ".>"]
        else:
            subjects.append(subject)
    return subjects


def nats_authorization(clients: Sequence[Client]) -> str:
    """An `authorization` block for nats-server; written to a file of its own and included.

    The MQTT implementation of nats-server delivers QoS 1 and retained messages over the subjects
    below `$MQTT.>` and acknowledges over `_INBOX`-like replies by itself: clients need no
    permission for them beyond what is said here.
    """
    # An empty list would switch authorization off: nats-server then admits every certificate. A CN
    # of "." is no slug, so nobody holds it.
    users = [
        '    { user: "CN=.", permissions: { publish: { deny: ">" }, subscribe: { deny: ">" } } }'
    ]
    for client in clients:
        publish = ", ".join(f'"{s}"' for s in _nats_subjects(client.publish))
        subscribe = ", ".join(f'"{s}"' for s in _nats_subjects(client.subscribe))
        users.append(
            f'    {{ user: "CN={client.name}", permissions: {{'
            f" publish: [{publish}], subscribe: [{subscribe}] }} }}"
        )
    return "authorization {\n  users: [\n" + "\n".join(users) + "\n  ]\n}\n"


def mosquitto_acl(clients: Sequence[Client]) -> str:
    """An `acl_file` for mosquitto (with `use_identity_as_username true`)."""
    lines: list[str] = []
    for client in clients:
        lines.append(f"user {client.name}")
        lines += [f"topic write {topic}" for topic in client.publish]
        lines += [f"topic read {topic}" for topic in client.subscribe]
        lines.append("")
    return "\n".join(lines)
