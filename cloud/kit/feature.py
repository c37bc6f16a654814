"""What a feature hands to `cloud/app.py`, and what it gets: the pattern of every feature folder.

Each top-level feature has a `wire.py` with one function:

    def wire(kit: Kit, ...services of lower features...) -> Feature

It builds what lives as long as the process, and names routes, dependencies and tasks. Nothing
starts at import.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from litestar.types import ControllerRouterHandler

from cloud.kit.clock import Clock
from cloud.kit.crypto import FieldCipher
from cloud.kit.database import Database
from cloud.kit.ids import Ids
from cloud.kit.privileged import ActRecorder
from cloud.kit.redis import Redis
from cloud.kit.settings import Settings


class ProcessRole(StrEnum):
    """What a process of the cloud does; one process may have several."""

    API = "api"
    PARKING = "parking"
    RELAY = "relay"
    INGRESS = "ingress"
    EXCHANGE = "exchange"
    SURVEILLANCE = "surveillance"


@dataclass(frozen=True)
class Kit:
    """The process's shared tools; one object, made in `app.py`, handed to every `wire`.

    clock: the time of the business: a simulator may hold it still or let it run.
    real_clock: time that passes by itself, for the lifetimes of tokens and logins only.
    """

    settings: Settings
    database: Database
    redis: Redis
    clock: Clock
    real_clock: Clock
    ids: Ids
    cipher: FieldCipher
    acts: ActRecorder


@dataclass(frozen=True)
class NamedTask:
    """Runs from start to stop of a process that has the role; must end when cancelled.

    If `run` raises, the process logs it and stops: whoever supervises it starts it anew.
    """

    name: str
    role: ProcessRole
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Feature:
    """One feature, ready to be joined to the others.

    routes: controllers or handlers; each declares who may call it (`cloud.accounts.access`).
    dependencies: name -> provider, for `NamedDependency[...]`; names are shared by the whole app.
    state: name -> object for `app.state`, where guards and sockets find it.
    tasks: what runs beside the requests.
    resources: opened before the first request and task, closed after the last, in order.
    """

    name: str
    routes: tuple[ControllerRouterHandler, ...] = ()
    dependencies: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)
    tasks: tuple[NamedTask, ...] = ()
    resources: tuple[Callable[[], AbstractAsyncContextManager[Any]], ...] = ()
