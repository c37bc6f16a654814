"""`curb up`: the whole system on one machine, step by step, looked after until Ctrl-C."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from launcher import market_steps, site_steps, steps
from launcher.data_folder import DataFolder, default_data_folder
from launcher.engines.server_user import OS_USER_NAME
from launcher.errors import ExitCode, PortTakenError
from launcher.leftovers import end_leftovers
from launcher.ports import is_free, lasting_port
from launcher.screen import Screen
from launcher.supervisor import Supervisor
from launcher.system import System, UpOptions

__all__ = ["UpOptions", "run"]

HTTP_PORT = 8000
_LOOK_EVERY_S = 0.1
_ROTATE_EVERY_S = 30.0

# In this order; a later one may need all before it. Each is a function of the system.
STEPS: tuple[tuple[str, Callable[[System], None]], ...] = (
    ("PostgreSQL", steps.start_postgres),
    ("Valkey", steps.start_valkey),
    ("Cloud broker", steps.start_cloud_broker),
    ("Database migrations", steps.migrate),
    ("Cloud", steps.start_cloud),
    ("Surveillance", steps.start_surveillance),
    ("Demo accounts", steps.fill_demo),
    ("Demo market", market_steps.build_demo_market),
    ("Demo car park", site_steps.build_demo_site),
    ("Site broker", site_steps.start_site_broker),
    ("Edge agent", site_steps.start_agent),
)
# Left out by --no-sim.
SIMULATION_STEPS: tuple[tuple[str, Callable[[System], None]], ...] = (
    ("Traders", market_steps.start_traders),
    ("Gates and drivers", site_steps.start_simulation),
)


class StopRequestedError(Exception):
    """The person, or the operating system, wants us to stop."""


class StopRequest:
    """Remembers SIGINT, SIGTERM and SIGHUP; a second one means: at once."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raise StopRequestedError if a stop was asked for."""
        if self.count:
            raise StopRequestedError

    def is_urgent(self) -> bool:
        """Whether it was asked for more than once."""
        return self.count > 1

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


def run(options: UpOptions) -> None:
    """Start everything, look after it, and stop it when asked to.

    Raises:
        LauncherError: a refusal or failure, said in a sentence; nothing is left running.
    """
    stop = StopRequest()
    folder = DataFolder(options.data or default_data_folder())
    with folder.open():
        chosen = STEPS + (SIMULATION_STEPS if options.has_simulation else ())
        screen = Screen(len(chosen) + 1)
        supervisor = Supervisor(screen.say)

        def tick() -> None:
            screen.tick()
            stop.check()

        end_leftovers(folder, screen.say)
        if options.is_fresh:
            folder.empty()
        system = System(folder=folder, options=options, supervisor=supervisor, tick=tick)
        is_up = False
        try:
            _choose_http_port(system)
            _note_root(screen)
            for title, step in chosen:
                screen.begin_step(title)
                step(system)
                tick()
                screen.end_step("started" if system.is_eager else "ready")
            screen.begin_step("Everything")
            system.wait_for_all()
            screen.end_step()
            is_up = True
            system.note(is_up=True)
            screen.show_system(system.urls, system.log_ins, system.trader_key)
            _look_after(system, stop)
        except StopRequestedError:
            pass
        finally:
            screen.end_progress()
            _stop(system, stop, screen)
        if not is_up:
            screen.say("Stopped before everything was up.")
            sys.exit(int(ExitCode.INTERRUPTED))


def _look_after(system: System, stop: StopRequest) -> None:
    rotated_s = time.monotonic()
    while True:
        stop.check()
        if system.supervisor.look():
            system.note(is_up=True)
        if time.monotonic() - rotated_s > _ROTATE_EVERY_S:
            rotated_s = time.monotonic()
            system.supervisor.rotate_logs()
        time.sleep(_LOOK_EVERY_S)


def _stop(system: System, stop: StopRequest, screen: Screen) -> None:
    count = len(system.supervisor.children)
    if count:
        screen.say(f"Stopping {count} programs ...")
    system.supervisor.stop(stop.is_urgent)
    (system.folder / "running.json").unlink(missing_ok=True)
    if count:
        screen.say(f"Everything is stopped. The data is in {system.folder.path}.")


def _choose_http_port(system: System) -> None:
    asked = system.options.port
    remembered = system.folder.remembered_port("http")
    port = remembered or HTTP_PORT if asked is None else asked or lasting_port()
    if not is_free(port):
        raise PortTakenError(
            f"Port {port} of this machine is taken by another program. Stop that one, or choose "
            "another port: curb up --port 8001 (or --port 0 for any free one)."
        )
    system.folder.remember_port("http", port)


def _note_root(screen: Screen) -> None:
    if os.geteuid() == 0:
        screen.say(
            f"You are root: PostgreSQL runs as the user {OS_USER_NAME}, everything else as root. "
            "An ordinary user is enough, and safer."
        )
