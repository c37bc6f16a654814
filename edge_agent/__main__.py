"""`python -m edge_agent`: run the agent of one site until SIGTERM or SIGINT."""

import asyncio
import os
import signal
import sys

import structlog

from edge_agent.agent import Agent
from edge_agent.clock import clock_from
from edge_agent.identity import IdentityError, load_identity
from edge_agent.logs import configure_logs
from edge_agent.settings import Settings, SettingsError, load_settings
from edge_agent.store import StoreError

log = structlog.get_logger()


def main() -> int:
    """The exit code: 0 after a signal, 2 when it cannot start, 1 after a failure of its own."""
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.log_level)
        identity = load_identity(settings.identity_dir, settings.site)
        agent = Agent(settings, identity, clock_from(os.environ))
    except (SettingsError, IdentityError, StoreError, OSError) as error:
        sys.stderr.write(f"The edge agent cannot start. {error}\n")
        return 2
    return asyncio.run(_run(agent, settings))


async def _run(agent: Agent, settings: Settings) -> int:
    running = asyncio.create_task(agent.run(), name="agent")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    log.info("agent_started", site=settings.site, pid=os.getpid())
    try:
        await running
    except asyncio.CancelledError:
        log.info("agent_stopped", site=settings.site)
    return 0


if __name__ == "__main__":
    sys.exit(main())
